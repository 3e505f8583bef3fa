//! fork copies no page: parent and child share every frame until one of them writes to it. Then a
//! fault copies that one frame, and the other process never sees the change.
//!
//! - run: `cargo run -p address-space --example copy_on_write`
//! - expect: one fault for each page that the child writes; the parent's pages are as they were
//! - strace: `strace -f -e trace=mmap,clone,getrusage target/debug/examples/copy_on_write`
//! - claim: `witness run copy-on-write`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]
#![expect(clippy::disallowed_methods, unsafe_code, reason = "fork, mmap")]

use std::io::{Read, Write};
use std::num::NonZeroUsize;

use anyhow::{Context, Result, ensure};
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, SysconfVar, fork, sysconf};

const PAGES: usize = 1024;

fn main() -> Result<()> {
    println!("expect    private memory: the child's writing costs a fault a page, and is its own");
    let (faults, changed) = write_in_a_child(MapFlags::MAP_PRIVATE)?;
    println!("expect    shared memory: the same frames for both, so the parent sees each byte");
    let (_, changed_shared) = write_in_a_child(MapFlags::MAP_SHARED)?;
    println!("observed  minor faults while the child writes each: {faults}");
    println!("observed  pages of the parent that the child's writing changed: {changed}");
    println!("control   pages of the parent that the child's writing changed: {changed_shared}");
    Ok(())
}

/// Writes `p` to each page, and lets a child write `c`: the child's faults, and how many pages of
/// the parent hold a `c` afterwards.
fn write_in_a_child(sharing: MapFlags) -> Result<(i64, usize)> {
    let page = sysconf(SysconfVar::PAGE_SIZE)?.context("no page size")? as usize;
    let size = NonZeroUsize::new(PAGES * page).context("no pages")?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    println!("mmap      {size} bytes; the parent writes to each of {PAGES} pages");
    // SAFETY: the kernel chooses the place; the slice is the only use of what it gives, stays
    // mapped until the program ends, and consists of zeros.
    let memory = unsafe {
        let memory = mmap_anonymous(None, size, access, sharing).context("mmap")?;
        madvise(memory, size.get(), MmapAdvise::MADV_NOHUGEPAGE).context("madvise")?;
        std::slice::from_raw_parts_mut(memory.cast::<u8>().as_ptr(), size.get())
    };
    memory
        .iter_mut()
        .step_by(page)
        .for_each(|byte| *byte = b'p');

    let (mut from_child, mut to_parent) = std::io::pipe().context("pipe2")?;
    println!("fork      the child writes one byte of each page");
    // ANCHOR: fork
    // SAFETY: there is one thread, so no lock is held that the child will need.
    match unsafe { fork() }.context("fork")? {
        ForkResult::Child => {
            let before = getrusage(UsageWho::RUSAGE_SELF)?.minor_page_faults();
            memory
                .iter_mut()
                .step_by(page)
                .for_each(|byte| *byte = b'c');
            let faults = getrusage(UsageWho::RUSAGE_SELF)?.minor_page_faults() - before;
            write!(to_parent, "{faults}")?;
            std::process::exit(0);
        }
        // ANCHOR_END: fork
        ForkResult::Parent { child } => {
            drop(to_parent);
            let mut faults = String::new();
            from_child.read_to_string(&mut faults).context("read")?;
            let status = waitpid(child, None).context("waitpid")?;
            let ended_well = matches!(status, WaitStatus::Exited(_, 0));
            ensure!(ended_well, "the child: {status:?}");
            println!("getrusage the child had {faults} minor faults");
            let changed = memory.iter().step_by(page).filter(|byte| **byte == b'c');
            Ok((faults.parse()?, changed.count()))
        }
    }
}
