//! A heap of glibc's with holes, and glibc's own figures of it: the child of the claim on heap
//! holes.
#![cfg_attr(
    target_env = "gnu",
    expect(
        unsafe_code,
        reason = "malloc, free, mallinfo2 and malloc_trim called by name"
    )
)]

#[cfg(target_env = "gnu")]
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
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
    /// By how much [heap] in /proc/self/maps grew while the blocks were allocated.
    pub heap_grew: u64,
    /// By how much the bytes in use (`uordblks`) grew meanwhile.
    pub use_grew: u64,
    /// By how much the bytes in use fell while blocks were freed.
    pub use_fell: u64,
    /// Whether blocks of the same size, asked for at the end, came back at addresses of the
    /// first ones, no two of them side by side.
    pub came_back_apart: bool,
    /// Whether a malloc of more than all that is free was refused.
    pub is_frozen: bool,
    /// By how much the end of the heap, as brk(2) tells it, fell in malloc_trim(0).
    pub heap_shrank: u64,
}

/// A block at the end of the heap that is freed before malloc_trim, so that there is something to
/// give back in any case.
#[cfg(target_env = "gnu")]
const TAIL: usize = 64 << 10;

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
    // The list is mapped, not allocated, so that it is no part of the heap it describes.
    let mut list = harness::memory::Memory::private(blocks * size_of::<usize>())?;
    let (slots, _) = list.bytes().as_chunks_mut::<{ size_of::<usize>() }>();
    keep_to_the_heap();
    let (heap_before, used_before) = (heap_size()?, mallinfo().uordblks);
    for i in 0..slots.len() {
        let Some(block) = allocate(size) else {
            // Without memory nobody could say that there is none.
            slots[..i].iter().for_each(|slot| free(*slot));
            return refused(size);
        };
        slots[i] = block.to_ne_bytes();
    }
    let (heap_full, used_full) = (heap_size()?, mallinfo().uordblks);
    for (i, slot) in slots.iter().enumerate() {
        if is_freed(i) {
            free(*slot);
        }
    }
    let info = mallinfo();
    let limits = forbid_growth()?;
    let largest = largest_malloc(info.fordblks);
    let is_frozen = !is_served(info.fordblks + (1 << 20));
    for (resource, soft) in limits {
        set_soft_limit(resource, soft)?;
    }
    let Some(tail) = allocate(TAIL) else {
        return refused(TAIL);
    };
    let resident = resident()?;
    free(tail.to_ne_bytes());
    // Nothing allocates before the second look: it would let the heap grow again.
    let end = heap_end();
    // SAFETY: malloc_trim gives whole free pages back; live blocks stay.
    unsafe { libc::malloc_trim(0) };
    let end_trimmed = heap_end();
    let trimmed = self::resident()?;
    let slots: Vec<usize> = slots
        .iter()
        .map(|slot| usize::from_ne_bytes(*slot))
        .collect();
    Ok(FragmentedHeap {
        free: info.fordblks as u64,
        holes: info.ordblks as u64,
        largest: largest as u64,
        resident,
        trimmed,
        heap_grew: heap_full.saturating_sub(heap_before),
        use_grew: used_full.saturating_sub(used_before) as u64,
        use_fell: used_full.saturating_sub(info.uordblks) as u64,
        came_back_apart: come_back_apart(&slots, size)?,
        is_frozen,
        heap_shrank: end.saturating_sub(end_trimmed),
    })
}

/// The same where the C library has no mallinfo2.
///
/// # Errors
/// Always.
#[cfg(not(target_env = "gnu"))]
pub fn fragment_heap(_: usize, _: usize, _: fn(usize) -> bool) -> anyhow::Result<FragmentedHeap> {
    anyhow::bail!("this program is not linked with glibc")
}

/// All blocks from the heap of brk(2), which grows as it does where nobody has set anything, and
/// none of it given back unasked.
#[cfg(target_env = "gnu")]
fn keep_to_the_heap() {
    // SAFETY: mallopt only sets parameters.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
        libc::mallopt(libc::M_TOP_PAD, 128 << 10);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
    }
}

/// Forbids brk(2) and mmap(2) to give more memory, by RLIMIT_DATA; where a mapping is given
/// nevertheless (gVisor limits the size of all addresses alone), by RLIMIT_AS as well. Returns the
/// limits that were there, for [`set_soft_limit`].
#[cfg(target_env = "gnu")]
fn forbid_growth() -> anyhow::Result<Vec<(Resource, rlim_t)>> {
    // Not 0: with 0 the kernel still lets brk grow.
    const LIMIT: rlim_t = 4096;
    let mut before = vec![(
        Resource::RLIMIT_DATA,
        set_soft_limit(Resource::RLIMIT_DATA, LIMIT)?,
    )];
    if harness::memory::Memory::private(1 << 20).is_ok() {
        let all = Resource::RLIMIT_AS;
        before.push((all, set_soft_limit(all, LIMIT)?));
    }
    Ok(before)
}

/// Sets a limit as far as the hard one allows; returns the one before.
#[cfg(target_env = "gnu")]
fn set_soft_limit(resource: Resource, soft: rlim_t) -> anyhow::Result<rlim_t> {
    use anyhow::Context;
    let (before, hard) = getrlimit(resource).with_context(|| format!("getrlimit {resource:?}"))?;
    setrlimit(resource, soft.min(hard), hard).with_context(|| format!("setrlimit {resource:?}"))?;
    Ok(before)
}

/// A block of `size` bytes, each of them written: its address; none where malloc has none.
#[cfg(target_env = "gnu")]
fn allocate(size: usize) -> Option<usize> {
    // SAFETY: malloc takes any size; the result is checked before it is used.
    let block = unsafe { libc::malloc(size) };
    if block.is_null() {
        return None;
    }
    // SAFETY: `block` has `size` writable bytes.
    unsafe { block.write_bytes(1, size) };
    Some(block as usize)
}

/// Gives back the block whose address the bytes of a slot are: one of malloc's, and only once.
#[cfg(target_env = "gnu")]
fn free(slot: [u8; size_of::<usize>()]) {
    // SAFETY: the callers below and above hold each address that `allocate` returned in one place,
    // and give it back once.
    unsafe { libc::free(usize::from_ne_bytes(slot) as *mut libc::c_void) };
}

#[cfg(target_env = "gnu")]
fn refused<T>(size: usize) -> anyhow::Result<T> {
    use anyhow::Context;
    Err(nix::errno::Errno::ENOMEM).with_context(|| format!("malloc of {size} bytes"))
}

#[cfg(target_env = "gnu")]
fn mallinfo() -> libc::mallinfo2 {
    // SAFETY: mallinfo2 reads the allocator's own figures.
    unsafe { libc::mallinfo2() }
}

/// The largest size that malloc still serves, up to `free` bytes, found by bisection.
#[cfg(target_env = "gnu")]
fn largest_malloc(free: usize) -> usize {
    let (mut fits, mut fails) = (0, free + 1);
    while fails - fits > 1 {
        let size = fits + (fails - fits) / 2;
        if is_served(size) {
            fits = size
        } else {
            fails = size
        }
    }
    fits
}

/// Whether malloc serves `size` bytes, which go back at once.
#[cfg(target_env = "gnu")]
fn is_served(size: usize) -> bool {
    // SAFETY: any size may be asked for, and a null result may be freed. The black box keeps the
    // compiler from removing a malloc whose block goes straight back.
    let block = unsafe {
        let block = std::hint::black_box(libc::malloc(size));
        libc::free(block);
        block
    };
    !block.is_null()
}

/// Whether blocks of `size` bytes, nearly half as many as `slots`, come back at addresses that
/// stand in `slots`, no two of them side by side there: then every second one had been freed.
#[cfg(target_env = "gnu")]
fn come_back_apart(slots: &[usize], size: usize) -> anyhow::Result<bool> {
    let wanted = slots.len() / 2 - slots.len() / 100;
    let mut back = std::collections::HashSet::new();
    for _ in 0..wanted {
        let Some(block) = allocate(size) else {
            return refused(size);
        };
        back.insert(block);
    }
    let came: Vec<bool> = slots.iter().map(|slot| back.contains(slot)).collect();
    let apart = !came.windows(2).any(|pair| pair[0] && pair[1]);
    Ok(apart && came.iter().filter(|&&came| came).count() >= wanted * 9 / 10)
}

/// Bytes of [heap] in /proc/self/maps.
#[cfg(target_env = "gnu")]
fn heap_size() -> anyhow::Result<u64> {
    let mappings = crate::evidence::mappings()?;
    let heap = mappings.iter().filter(|mapping| mapping.path == "[heap]");
    Ok(heap.map(observe::maps::Mapping::len).sum())
}

/// Where the kernel has the end of the heap.
#[cfg(target_env = "gnu")]
fn heap_end() -> u64 {
    // SAFETY: brk to an address below the heap moves nothing and answers where the heap ends.
    unsafe { libc::syscall(libc::SYS_brk, 0) as u64 }
}

/// Resident bytes of this process (VmRSS of proc_pid_status(5)).
#[cfg(target_env = "gnu")]
fn resident() -> anyhow::Result<u64> {
    let status = observe::status::read(std::process::id() as i32)?;
    Ok(status.resident_kib * 1024)
}
