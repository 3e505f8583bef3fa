//! A heap of glibc's with holes, and glibc's own figures of it: the child of the claim on heap
//! holes.
#![cfg_attr(
    target_env = "gnu",
    expect(
        unsafe_code,
        reason = "malloc, free, mallinfo2 and malloc_trim called by name"
    )
)]

use serde::{Deserialize, Serialize};

/// A heap after some of its blocks were freed. Sizes are bytes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct FragmentedHeap {
    /// Free bytes in all (mallinfo2's `fordblks`).
    pub free: u64,
    /// Free chunks, as a number (`ordblks`).
    pub holes: u64,
    /// The largest malloc that succeeded while the heap could not grow.
    pub largest: u64,
    /// Resident size of the process.
    pub resident: u64,
    /// Resident size after malloc_trim(0).
    pub trimmed: u64,
}

/// Allocates `blocks` blocks of `size` bytes, frees those whose index `is_freed` picks, and
/// measures the heap. To be called in a process that does nothing else afterwards: blocks stay
/// allocated, and malloc's parameters are changed.
///
/// # Errors
/// The C library is not glibc; memory for the blocks is refused; a limit cannot be set.
#[cfg(target_env = "gnu")]
pub fn fragment_heap(
    blocks: usize,
    size: usize,
    is_freed: fn(usize) -> bool,
) -> anyhow::Result<FragmentedHeap> {
    use anyhow::Context;
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    // The list is mapped, not allocated, so that it is no part of the heap it describes.
    let mut list = harness::memory::Memory::private(blocks * size_of::<usize>())?;
    let (slots, _) = list.bytes().as_chunks_mut::<{ size_of::<usize>() }>();
    // SAFETY: mallopt only sets parameters: all blocks from the heap, none given back unasked.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
    }
    for slot in slots.iter_mut() {
        // SAFETY: malloc takes any size; the result is checked before it is used.
        let block = unsafe { libc::malloc(size) };
        anyhow::ensure!(!block.is_null(), "malloc of {size} bytes: ENOMEM");
        // SAFETY: `block` has `size` writable bytes.
        unsafe { block.write_bytes(1, size) };
        *slot = (block as usize).to_ne_bytes();
    }
    for (i, slot) in slots.iter().enumerate() {
        if is_freed(i) {
            // SAFETY: each slot holds a block of malloc's, and each is freed at most once.
            unsafe { libc::free(usize::from_ne_bytes(*slot) as *mut libc::c_void) };
        }
    }
    // SAFETY: mallinfo2 reads the allocator's own figures.
    let info = unsafe { libc::mallinfo2() };
    let resident = resident()?;
    let (soft, hard) = getrlimit(Resource::RLIMIT_DATA).context("getrlimit RLIMIT_DATA")?;
    // Not 0: with 0 the kernel still lets brk grow.
    setrlimit(Resource::RLIMIT_DATA, 4096.min(hard), hard).context("setrlimit RLIMIT_DATA")?;
    let largest = largest_malloc(info.fordblks);
    setrlimit(Resource::RLIMIT_DATA, soft, hard).context("setrlimit RLIMIT_DATA")?;
    // SAFETY: malloc_trim gives whole free pages back; live blocks stay.
    unsafe { libc::malloc_trim(0) };
    Ok(FragmentedHeap {
        free: info.fordblks as u64,
        holes: info.ordblks as u64,
        largest: largest as u64,
        resident,
        trimmed: self::resident()?,
    })
}

/// The same where the C library has no mallinfo2.
///
/// # Errors
/// Always.
#[cfg(not(target_env = "gnu"))]
pub fn fragment_heap(_: usize, _: usize, _: fn(usize) -> bool) -> anyhow::Result<FragmentedHeap> {
    let why = "this program is not linked with glibc";
    Err(claim::NotMeasured::new(why, "build it for a -gnu target").into())
}

/// The largest size that malloc still serves, up to `free` bytes, found by bisection.
#[cfg(target_env = "gnu")]
fn largest_malloc(free: usize) -> usize {
    let (mut fits, mut fails) = (0, free + 1);
    while fails - fits > 1 {
        let size = fits + (fails - fits) / 2;
        // SAFETY: any size may be asked for, and a null result may be freed. The black box keeps
        // the compiler from removing a malloc whose block goes straight back.
        let block = unsafe {
            let block = std::hint::black_box(libc::malloc(size));
            libc::free(block);
            block
        };
        if block.is_null() {
            fails = size
        } else {
            fits = size
        }
    }
    fits
}

/// Resident bytes of this process (VmRSS of proc_pid_status(5)).
#[cfg(target_env = "gnu")]
fn resident() -> anyhow::Result<u64> {
    let status = observe::status::read(std::process::id() as i32)?;
    Ok(status.resident_kib * 1024)
}
