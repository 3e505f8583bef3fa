//! A hardware segment ends at any byte: of a segment of 1000 bytes, byte 999 reads and byte 1000
//! faults. Pages cannot do that: read by its address, the same memory ends where its page ends.
//!
//! - run: `cargo run -p address-space --example segment_of_1000_bytes` (x86-64, not emulated)
//! - expect: byte 1000 is the first that faults. A child reads a byte by 32-bit code, since 64-bit
//!   code ignores limits, and comes to an invalid instruction: SIGILL says "read", SIGSEGV not
//! - strace: `strace -f -e trace=mmap,mprotect,modify_ldt,clone
//!   target/debug/examples/segment_of_1000_bytes`
//! - claim: `witness run segment-limit segments-fit-exactly`
#![allow(clippy::print_stdout, reason = "a demonstration prints what it does")]
#![allow(unsafe_code, clippy::disallowed_methods, reason = "it forks")]

#[cfg(not(target_arch = "x86_64"))]
fn main() {
    println!("not here: only x86 processors have segments");
}

#[cfg(target_arch = "x86_64")]
fn main() -> anyhow::Result<()> {
    use anyhow::{Context, ensure};
    use nix::errno::Errno;
    use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect};
    println!("expect    through the segment byte 999 reads and byte 1000 faults");
    let processor = std::fs::read_to_string("/proc/cpuinfo").context("/proc/cpuinfo")?;
    let is_emulated = processor.contains("QEMU");
    ensure!(!is_emulated, "an emulated processor has no limits");
    println!("mmap      a page of code, one of data, and one behind it that nobody may read");
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_32BIT;
    let code = [0x8e, 0xc2, 0x26, 0x8a, 0x01, 0x0f, 0x0b]; // mov es, edx; mov al, es:[ecx]; ud2
    // SAFETY: the kernel chooses the place, below 2 GiB, and nobody else knows it; the code fits.
    let start = unsafe {
        let pages = mmap_anonymous(None, 12288.try_into()?, access, flags).context("mmap")?;
        let first = pages.cast::<u8>().as_ptr();
        first.copy_from_nonoverlapping(code.as_ptr(), code.len());
        mprotect(pages, 4096, ProtFlags::PROT_READ | ProtFlags::PROT_EXEC)?;
        mprotect(pages.byte_add(8192), 4096, ProtFlags::PROT_NONE)?;
        pages.addr().get() as u32
    };
    println!("ldt       modify_ldt enters a segment of 1000 bytes over the data");
    // ANCHOR: segment
    // struct user_desc of asm/ldt.h: entry 0, base, limit, seg_32bit and useable.
    let segment = [0, start + 4096, 999, 1 | 1 << 6];
    // SAFETY: the kernel reads 16 bytes, and nothing but the children will load the segment.
    let result = unsafe { libc::syscall(libc::SYS_modify_ldt, 0x11, segment.as_ptr(), 16) };
    // ANCHOR_END: segment
    let errno = Errno::from_raw(-(result as i32)); // an int, not sign-extended
    ensure!(result as i32 == 0, "modify_ldt: {errno}");
    for (arm, selector, base) in [("observed", 0b111, 0), ("control", 0x2b, start + 4096)] {
        let mut first = 0;
        for offset in [998, 999, 1000, 1001, 4095, 4096] {
            let is_read = read_in_a_child(start, selector, base + offset)?;
            println!("read      byte {offset} through selector {selector:#x}: {is_read}");
            first = if is_read || first > 0 { first } else { offset };
        }
        println!("{arm:<9} first offset that faults in 1000 bytes of memory: {first}");
    }
    Ok(())
}

#[cfg(target_arch = "x86_64")]
fn read_in_a_child(code: u32, selector: u32, offset: u32) -> anyhow::Result<bool> {
    use nix::sys::{signal::Signal, wait::WaitStatus, wait::waitpid};
    use nix::unistd::{ForkResult, fork};
    // SAFETY: there is one thread, so no lock is held that the child will need.
    let status = match unsafe { fork() }? {
        // SAFETY: the CS 0x23 makes it 32-bit code, and a signal ends the child in it.
        ForkResult::Child => unsafe {
            libc::prctl(libc::PR_SET_DUMPABLE, 0); // no core file
            std::arch::asm!("push 0x23", "push {code}", "retfq", code = in(reg) u64::from(code),
                in("edx") selector, in("ecx") offset, options(noreturn))
        },
        ForkResult::Parent { child } => waitpid(child, None)?,
    };
    match status {
        WaitStatus::Signaled(_, Signal::SIGILL, _) => Ok(true),
        WaitStatus::Signaled(_, Signal::SIGSEGV, _) => Ok(false),
        status => anyhow::bail!("the child: {status:?}"),
    }
}
