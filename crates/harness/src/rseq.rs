//! A thread's area of restartable sequences (rseq(2)): where the kernel says that it preempted the
//! thread, and where the thread asks to be let finish (Documentation/userspace-api/rseq.rst).
//!
//! Since Linux 7.0 a thread may ask for a longer time slice: it sets `request` before a critical
//! section. If its slice ends in there, the kernel sets `granted` and lets it run on for some
//! microseconds; the thread then gives the CPU up by rseq_slice_yield(2).
#![expect(unsafe_code, reason = "system calls that no library has")]

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, compiler_fence};

use nix::errno::Errno;
use observe::{Error, Operation};

/// `include/uapi/linux/prctl.h`.
const PR_RSEQ_SLICE_EXTENSION: libc::c_int = 79;
const GET: libc::c_ulong = 1;
const SET: libc::c_ulong = 2;
const ENABLE: libc::c_ulong = 1;
/// `scripts/syscall.tbl`: the same number on every architecture.
const RSEQ_SLICE_YIELD: libc::c_long = 471;
/// `include/uapi/linux/rseq.h`.
const UNREGISTER: libc::c_int = 1;
const ORIGINAL_SIZE: u32 = 32;
const UNINITIALIZED: u32 = u32::MAX;
const SLICE_EXTENSIONS_ENABLED: u32 = 1 << 5;
/// `include/uapi/linux/auxvec.h`: how much of the area this kernel uses, in bytes.
const AT_RSEQ_FEATURE_SIZE: libc::c_ulong = 27;
/// Stands before each place where a sequence may be resumed. The C library's, on its machine.
#[cfg(not(target_arch = "aarch64"))]
const SIGNATURE: u32 = 0x5305_3053;
#[cfg(target_arch = "aarch64")]
const SIGNATURE: u32 = 0xd428_bc00;

/// `struct rseq`, with room for what later kernels add.
#[repr(C, align(128))]
struct Block {
    cpu_id_start: AtomicU32,
    cpu_id: AtomicU32,
    /// The sequence that is going on, a `struct rseq_cs`. The kernel clears it when it preempts the
    /// thread outside of that.
    sequence: AtomicU64,
    flags: AtomicU32,
    node_id: AtomicU32,
    mm_cid: AtomicU32,
    request: AtomicU8,
    granted: AtomicU8,
    rest: [AtomicU8; 98],
}

/// `struct rseq_cs`, by which the kernel knows a sequence.
#[repr(C, align(32))]
struct Sequence {
    version: u32,
    flags: u32,
    start: *const u32,
    length: u64,
    abort: *const u32,
}

// SAFETY: nobody writes it, and what it points to is never written either.
unsafe impl Sync for Sequence {}

/// A place where no thread ever runs, behind the signature.
static NOWHERE: [u32; 2] = [SIGNATURE, 0];
/// A sequence that no thread is ever inside of: the kernel forgets it at the first preemption.
static WATCH: Sequence = Sequence {
    version: 0,
    flags: 0,
    start: &raw const NOWHERE[0],
    length: 1,
    abort: &raw const NOWHERE[1],
};

/// The calling thread's area, registered with the kernel in place of the C library's, which is put
/// back when this value is dropped.
#[derive(Debug)]
pub struct Area {
    block: NonNull<Block>,
    length: u32,
    library: Option<Registration>,
    /// The kernel has it for this thread, and for no other.
    _of_this_thread: PhantomData<*const ()>,
}

/// An area that the kernel knew.
#[derive(Clone, Copy, Debug)]
struct Registration {
    at: *mut c_void,
    length: u32,
}

/// Whether the kernel has time slice extensions (`CONFIG_RSEQ_SLICE_EXTENSION`).
///
/// # Errors
/// EINVAL where it has none.
pub fn require_slice_extensions() -> Result<(), Error> {
    slice_extension(GET, 0).map_err(|errno| {
        Error::new("prctl PR_RSEQ_SLICE_EXTENSION", errno).with_kind(Operation::SliceExtension)
    })
}

/// Gives up the CPU that the thread was let keep (rseq_slice_yield(2)); whether it still was in the
/// extension.
pub fn yield_slice() -> bool {
    // SAFETY: the call takes no argument and touches no memory of ours but the registered area.
    unsafe { libc::syscall(RSEQ_SLICE_YIELD) == 1 }
}

impl Area {
    /// Registers an area for the calling thread.
    ///
    /// # Errors
    /// ENOSYS where the kernel has none or a filter hides the call; EINVAL, EBUSY where the C
    /// library's cannot be taken back; none where the call answers that it was done, and was not.
    pub fn register() -> Result<Area, Error> {
        // SAFETY: getauxval takes any key and reads what the kernel gave at the start.
        let used = unsafe { libc::getauxval(AT_RSEQ_FEATURE_SIZE) };
        let length = u32::try_from(used).map_or(u32::MAX, |used| used.max(ORIGINAL_SIZE));
        let refused = |errno| Error::new(format!("rseq with {length} bytes"), errno);
        if length as usize > size_of::<Block>() {
            return Err(refused(Errno::E2BIG));
        }
        let library = unregister_library(used as u32);
        let block = NonNull::from(Box::leak(Box::new(Block::new())));
        let registration = Registration {
            at: block.as_ptr().cast(),
            length,
        };
        if let Err(errno) = rseq(registration, 0) {
            // SAFETY: from the box above, and the kernel has refused it.
            drop(unsafe { Box::from_raw(block.as_ptr()) });
            library.map(|library| rseq(library, 0));
            return Err(refused(errno));
        }
        let area = Area {
            block,
            length,
            library,
            _of_this_thread: PhantomData,
        };
        match area.block().cpu_id.load(Relaxed) {
            UNINITIALIZED => Err(Error::without_errno("rseq registered nothing")),
            _ => Ok(area),
        }
    }

    fn block(&self) -> &Block {
        // SAFETY: the box was leaked by `register` and lives until the drop; all of its fields are
        // atomic, since the kernel writes them whenever the thread comes back from it.
        unsafe { self.block.as_ref() }
    }

    /// Allows the thread to ask for more time.
    ///
    /// # Errors
    /// EINVAL where the kernel has no extensions; another where they are switched off (the kernel's
    /// parameter `rseq_slice_ext=off`).
    pub fn enable_slice_extensions(&self) -> Result<(), Error> {
        slice_extension(SET, ENABLE)
            .map_err(|errno| Error::new("prctl PR_RSEQ_SLICE_EXTENSION_SET", errno))
    }

    /// Whether the kernel says in the area that the thread may ask.
    pub fn may_ask(&self) -> bool {
        self.block().flags.load(Relaxed) & SLICE_EXTENSIONS_ENABLED != 0
    }

    /// From here on a preemption is noted: see [`Area::was_preempted`].
    #[inline]
    pub fn watch(&self) {
        let watch = &raw const WATCH as u64;
        self.block().sequence.store(watch, Relaxed);
        compiler_fence(std::sync::atomic::Ordering::SeqCst);
    }

    /// Whether the thread was preempted since it last began to watch: the kernel has forgotten the
    /// sequence.
    #[inline]
    pub fn was_preempted(&self) -> bool {
        compiler_fence(std::sync::atomic::Ordering::SeqCst);
        self.block().sequence.load(Relaxed) == 0
    }

    /// Asks for more time, should the slice end from here on.
    #[inline]
    pub fn request(&self) {
        self.block().request.store(1, Relaxed);
        compiler_fence(std::sync::atomic::Ordering::SeqCst);
    }

    /// Whether the request stands, or was granted and has not run out.
    #[inline]
    pub fn has_asked(&self) -> bool {
        let block = self.block();
        block.request.load(Relaxed) == 1 || block.granted.load(Relaxed) == 1
    }

    /// Takes the request back; whether more time was granted meanwhile, and then the thread owes
    /// the kernel a [`yield_slice`].
    #[inline]
    pub fn withdraw(&self) -> bool {
        compiler_fence(std::sync::atomic::Ordering::SeqCst);
        self.block().request.store(0, Relaxed);
        self.block().granted.load(Relaxed) == 1
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        let registration = Registration {
            at: self.block.as_ptr().cast(),
            length: self.length,
        };
        // What the kernel does not give back it may write to: then the memory stays.
        if rseq(registration, UNREGISTER).is_ok() {
            // SAFETY: from the box that `register` leaked; the kernel no longer knows it.
            drop(unsafe { Box::from_raw(self.block.as_ptr()) });
        }
        if let Some(library) = self.library {
            let _ = rseq(library, 0);
        }
    }
}

impl Block {
    fn new() -> Block {
        Block {
            cpu_id_start: AtomicU32::new(0),
            cpu_id: AtomicU32::new(UNINITIALIZED),
            sequence: AtomicU64::new(0),
            flags: AtomicU32::new(0),
            node_id: AtomicU32::new(0),
            mm_cid: AtomicU32::new(0),
            request: AtomicU8::new(0),
            granted: AtomicU8::new(0),
            rest: [const { AtomicU8::new(0) }; 98],
        }
    }
}

/// Takes the C library's area from the kernel, which keeps one for each thread; none where the
/// library has registered none. `used` is how much of an area this kernel uses.
fn unregister_library(used: u32) -> Option<Registration> {
    let at = library_area()?;
    // Versions of the library differ in what they say of its length.
    let lengths = [ORIGINAL_SIZE, used, used.next_multiple_of(32)].into_iter();
    let mut registrations = lengths.map(|length| Registration { at, length });
    registrations.find(|&library| rseq(library, UNREGISTER).is_ok())
}

fn rseq(area: Registration, flags: libc::c_int) -> Result<(), Errno> {
    // SAFETY: the kernel writes to an area from its registration until it is taken back. Ours is
    // leaked for that long, and the library's belongs to this thread, as it always did.
    let answer = unsafe { libc::syscall(libc::SYS_rseq, area.at, area.length, flags, SIGNATURE) };
    Errno::result(answer).map(drop)
}

fn slice_extension(what: libc::c_ulong, value: libc::c_ulong) -> Result<(), Errno> {
    const NOTHING: libc::c_ulong = 0;
    // SAFETY: integers alone; the kernel changes the flags of the registered area.
    let answer = unsafe { libc::prctl(PR_RSEQ_SLICE_EXTENSION, what, value, NOTHING, NOTHING) };
    Errno::result(answer).map(drop)
}

/// Where the C library has the calling thread's area, registered or not: from glibc 2.35 on at a
/// distance from the thread pointer that `__rseq_offset` names.
fn library_area() -> Option<*mut c_void> {
    let (offset, thread) = offset_and_thread_pointer();
    // SAFETY: where the library has the symbol, it is a constant of this type.
    let offset = unsafe { offset.as_ref() }?;
    Some(thread.wrapping_byte_offset(*offset))
}

/// The address of `__rseq_offset`, and the thread pointer. A library other than glibc has no such
/// symbol, so it is linked weakly, and its address is then 0.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn offset_and_thread_pointer() -> (*const isize, *mut c_void) {
    let (offset, thread): (*const isize, *mut c_void);
    // SAFETY: reads a word of the program's table of addresses, and the thread pointer, which lies
    // at fs:0 by the architecture's ABI.
    unsafe {
        std::arch::asm!(
            ".weak __rseq_offset",
            "mov {offset}, qword ptr [rip + __rseq_offset@GOTPCREL]",
            "mov {thread}, fs:[0]",
            offset = out(reg) offset,
            thread = out(reg) thread,
            options(nostack, readonly, preserves_flags),
        );
    }
    (offset, thread)
}

/// As on x86-64.
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
fn offset_and_thread_pointer() -> (*const isize, *mut c_void) {
    let (offset, thread): (*const isize, *mut c_void);
    // SAFETY: reads a word of the program's table of addresses, and the thread pointer's register.
    unsafe {
        std::arch::asm!(
            ".weak __rseq_offset",
            "adrp {offset}, :got:__rseq_offset",
            "ldr {offset}, [{offset}, :got_lo12:__rseq_offset]",
            "mrs {thread}, tpidr_el0",
            offset = out(reg) offset,
            thread = out(reg) thread,
            options(nostack, readonly, preserves_flags),
        );
    }
    (offset, thread)
}

/// Nobody has looked where it is.
#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
fn offset_and_thread_pointer() -> (*const isize, *mut c_void) {
    (std::ptr::null(), std::ptr::null_mut())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// The kernel's offsets, in bytes.
    #[test]
    fn the_area_is_laid_out_as_the_kernel_has_it() {
        assert_eq!(size_of::<Block>(), 128);
        assert_eq!(std::mem::offset_of!(Block, sequence), 8);
        assert_eq!(std::mem::offset_of!(Block, flags), 16);
        assert_eq!(std::mem::offset_of!(Block, request), 28);
        assert_eq!(std::mem::offset_of!(Block, granted), 29);
        assert_eq!(std::mem::offset_of!(Sequence, start), 8);
        assert_eq!(std::mem::offset_of!(Sequence, abort), 24);
    }

    #[test]
    fn the_kernel_notes_a_preemption_in_the_area() {
        let Ok(area) = Area::register() else { return };
        assert!(!area.may_ask(), "nobody has asked for it");
        let cpu = crate::pin::cpus().unwrap()[0];
        crate::pin::pin(cpu).unwrap();
        let preempted = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // Two on one CPU: the kernel must take it from each of them by turns.
            scope.spawn(|| {
                while !preempted.load(Relaxed) {
                    std::hint::spin_loop()
                }
            });
            area.watch();
            while !area.was_preempted() {}
            preempted.store(true, Relaxed);
        });
        area.watch();
        drop(area);
        // The library's area is back, and can be taken and given back again.
        drop(Area::register().unwrap());
    }
}
