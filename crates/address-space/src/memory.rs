//! Mappings of this process that are given back on drop, and the counters that watch them.
#![expect(
    unsafe_code,
    reason = "mmap, mremap and madvise on mappings that a value owns"
)]

use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;

use anyhow::{Context, Result};
use nix::sys::mman::{
    MRemapFlags, MapFlags, MmapAdvise, ProtFlags, madvise, mmap, mmap_anonymous, mremap, munmap,
};
use nix::sys::resource::{UsageWho, getrusage};

use crate::units::bytes;

/// Bytes of a transparent huge page where a page table holds 512 entries of 4 KiB.
pub const HUGE_PAGE: usize = 2 << 20;

/// Readable and writable memory of this process.
#[derive(Debug)]
pub struct Memory {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is owned by this value alone and belongs to no thread; whoever holds the value
// has the only way to reach the memory.
unsafe impl Send for Memory {}

impl Memory {
    /// Private anonymous memory; no page of it has a frame yet.
    ///
    /// # Errors
    /// ENOMEM when the address space, `ulimit -v` or vm.overcommit_memory=2 does not allow it.
    pub fn private(len: usize) -> Result<Memory> {
        Memory::anonymous(len, MapFlags::MAP_PRIVATE)
    }

    /// Anonymous memory with flags of mmap(2): `MAP_SHARED`, or `MAP_PRIVATE | MAP_POPULATE`.
    ///
    /// # Errors
    /// As [`Memory::private`].
    pub fn anonymous(len: usize, flags: MapFlags) -> Result<Memory> {
        let what = || format!("mmap of {}", bytes(len as u64));
        let size = NonZeroUsize::new(len).with_context(what)?;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing that exists.
        let base = unsafe { mmap_anonymous(None, size, WRITABLE, flags) }.with_context(what)?;
        Ok(Memory {
            base: base.cast(),
            len,
        })
    }

    /// Private anonymous memory that begins at a multiple of [`HUGE_PAGE`].
    ///
    /// # Errors
    /// As [`Memory::private`].
    pub fn huge_aligned(len: usize) -> Result<Memory> {
        let mut below = Memory::private(len + HUGE_PAGE)?;
        let skip = below.address().next_multiple_of(HUGE_PAGE) - below.address();
        let mut memory = below.split_off(skip);
        drop(memory.split_off(len));
        Ok(memory)
    }

    /// Shared memory of a file, each page `i` of it showing the file's page `order[i]`.
    ///
    /// # Errors
    /// ENOMEM as above, ENODEV for a file that cannot be mapped.
    pub fn of_pages(file: impl AsFd, page: usize, order: &[usize]) -> Result<Memory> {
        let memory = Memory::private(page * order.len())?;
        for (i, &which) in order.iter().enumerate() {
            let at = NonZeroUsize::new(memory.address() + i * page).context("mmap at address 0")?;
            let size = NonZeroUsize::new(page).context("a page of 0 bytes")?;
            let flags = MapFlags::MAP_SHARED | MapFlags::MAP_FIXED;
            let offset = (which * page) as libc::off_t;
            // SAFETY: MAP_FIXED replaces one page inside a mapping that `memory` owns and that no
            // reference points into yet.
            unsafe { mmap(Some(at), size, WRITABLE, flags, file.as_fd(), offset) }
                .with_context(|| format!("mmap page {which} of a memfd"))?;
        }
        Ok(memory)
    }

    /// Address of the first byte.
    pub fn address(&self) -> usize {
        self.base.as_ptr() as usize
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: base..base+len is mapped readable and writable until drop, and what the kernel maps
        // is initialised; `&mut self` keeps any second slice of it from existing meanwhile.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.len) }
    }

    /// Writes the first byte of every `step` bytes.
    pub fn write_every(&mut self, step: usize, value: u8) {
        for at in (0..self.len).step_by(step) {
            // SAFETY: at < len. Volatile, because the fault is what is wanted: the write must happen.
            unsafe { self.base.add(at).write_volatile(value) };
        }
    }

    /// Reads the first byte of every `step` bytes; their sum.
    pub fn read_every(&self, step: usize) -> u64 {
        let at = (0..self.len).step_by(step);
        // SAFETY: at < len, readable; volatile as above.
        at.map(|at| u64::from(unsafe { self.base.add(at).read_volatile() }))
            .sum()
    }

    /// Advises the kernel about the whole of it.
    ///
    /// # Errors
    /// EINVAL when the kernel does not know the advice.
    pub fn advise(&self, advice: MmapAdvise) -> Result<()> {
        // SAFETY: the range is owned and stays mapped; the advice used here (huge pages, and giving
        // pages back through `&mut`) leaves it readable, with zeros at worst.
        unsafe { madvise(self.base.cast(), self.len, advice) }
            .with_context(|| format!("madvise {advice:?} of {}", bytes(self.len as u64)))
    }

    /// Gives every second page back to the system; it reads as zeros afterwards.
    ///
    /// # Errors
    /// None that is documented for private anonymous memory.
    pub fn discard_every_second(&mut self, page: usize) -> Result<()> {
        for at in (page..self.len).step_by(2 * page) {
            // SAFETY: one page within an owned mapping, into which `&mut self` keeps any reference from
            // pointing; its bytes become zeros, which are as initialised as those before.
            unsafe { madvise(self.base.add(at).cast(), page, MmapAdvise::MADV_DONTNEED) }
                .context("madvise MADV_DONTNEED")?;
        }
        Ok(())
    }

    /// Collapses it into huge pages now (`MADV_COLLAPSE`, Linux 6.1).
    ///
    /// # Errors
    /// EINVAL before Linux 6.1, ENOMEM or EAGAIN when no huge page is to be had.
    pub fn collapse(&self) -> Result<()> {
        /// asm-generic/mman-common.h.
        const MADV_COLLAPSE: libc::c_int = 25;
        // SAFETY: owned and mapped; collapsing changes the frames and not the bytes.
        let result = unsafe { libc::madvise(self.base.as_ptr().cast(), self.len, MADV_COLLAPSE) };
        nix::errno::Errno::result(result)
            .map(drop)
            .with_context(|| format!("madvise MADV_COLLAPSE of {}", bytes(self.len as u64)))
    }

    /// Moves the mapping to another address: mremap(2) onto `target`, which it replaces.
    ///
    /// # Errors
    /// ENOMEM when the kernel has no memory for page tables.
    pub fn move_onto(self, target: Memory) -> Result<Memory> {
        let flags = MRemapFlags::MREMAP_MAYMOVE | MRemapFlags::MREMAP_FIXED;
        let (old, new) = (self.base.cast(), target.base.cast());
        // SAFETY: both ranges are owned by values that this call consumes, so no reference points into
        // either; MREMAP_FIXED replaces only the target's own range.
        let moved = unsafe { mremap(old, self.len, self.len, flags, Some(new)) };
        let base = moved
            .with_context(|| format!("mremap of {}", bytes(self.len as u64)))?
            .cast();
        let memory = Memory {
            base,
            len: self.len,
        };
        if target.len > self.len {
            let rest = target.len - self.len;
            // SAFETY: within the target's range, behind what was replaced.
            let base = unsafe { target.base.add(self.len) };
            drop(Memory { base, len: rest });
        }
        std::mem::forget(self);
        std::mem::forget(target);
        Ok(memory)
    }

    /// Cuts the mapping in two at `at`, which must be a multiple of the page size; keeps the lower part.
    fn split_off(&mut self, at: usize) -> Memory {
        let upper = self.len - at;
        self.len = at;
        // SAFETY: at <= the old length, so this is within the mapping or one past its end.
        let base = unsafe { self.base.add(at) };
        Memory { base, len: upper }
    }
}

const WRITABLE: ProtFlags = ProtFlags::PROT_READ.union(ProtFlags::PROT_WRITE);

impl Drop for Memory {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: the range is owned and no slice of it outlives self. munmap fails only when
            // the process is at vm.max_map_count, and then the range stays mapped, unreachable.
            let _ = unsafe { munmap(self.base.cast(), self.len) };
        }
    }
}

/// Page faults of this process so far that were served without input or output (getrusage(2)).
///
/// # Errors
/// None that is documented for one's own process.
pub fn minor_faults() -> Result<u64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).context("getrusage")?;
    Ok(usage.minor_page_faults() as u64)
}

/// What smaps says of the mappings that begin inside `memory`, added up: resident bytes, and of these
/// bytes in huge pages.
///
/// # Errors
/// /proc is not mounted.
pub fn resident(memory: &Memory) -> Result<(u64, u64)> {
    let range = memory.address() as u64..(memory.address() + memory.len()) as u64;
    let usages = observe::smaps::of(std::process::id() as i32)?;
    let inside = usages
        .iter()
        .filter(|usage| range.contains(&usage.mapping.start));
    Ok(inside.fold((0, 0), |(rss, huge), usage| {
        (rss + usage.rss, huge + usage.anon_huge_pages)
    }))
}

/// Pages of `memory` that are in memory, by pagemap's present bit; the shared frame of zeros counts.
///
/// # Errors
/// /proc is not mounted, or this process is not dumpable (prctl(2)) and may not see its own pagemap.
pub fn present(memory: &Memory) -> Result<u64> {
    let pages = pages(memory)?;
    Ok(pages.iter().filter(|page| page.present()).count() as u64)
}

/// The pagemap entries of `memory`.
///
/// # Errors
/// As [`present`].
pub fn pages(memory: &Memory) -> Result<Vec<observe::pagemap::Page>> {
    let pagemap = observe::pagemap::Pagemap::open(std::process::id() as i32)?;
    Ok(pagemap.pages(memory.address() as u64, memory.len() as u64)?)
}
