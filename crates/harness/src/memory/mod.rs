//! Mappings of this process that are given back on drop.
//!
//! `advice` gives and takes their pages, `ranges` moves and cuts them, `counters` watch them.
#![expect(unsafe_code, reason = "mmap and munmap of mappings that a value owns")]

mod advice;
mod counters;
mod growth;
mod ranges;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, munmap};
use observe::Error;
use present::units::bytes;

pub use counters::{are_faults_counted, minor_faults, pages, present, resident};
pub use growth::{MemoryInUse, is_pagemap_missing};

/// Readable and writable memory of this process.
#[derive(Debug)]
pub struct Memory {
    base: NonNull<u8>,
    len: usize,
    backing: Backing,
}

/// Who else may change the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backing {
    /// Nobody: private anonymous memory.
    Private,
    /// Forked children, other mappings of the same file, other pages of this very mapping.
    Shared,
}

// SAFETY: the mapping is owned by this value alone and belongs to no thread; any thread that holds
// the value has the only way to reach the memory.
unsafe impl Send for Memory {}

impl Memory {
    /// Private anonymous memory; no page of it has a frame yet.
    ///
    /// # Errors
    /// ENOMEM when the address space, `ulimit -v` or vm.overcommit_memory=2 does not allow it.
    pub fn private(len: usize) -> Result<Memory, Error> {
        Memory::anonymous(len, MapFlags::MAP_PRIVATE, Backing::Private)
    }

    /// Private anonymous memory whose frames are fetched in the call (MAP_POPULATE).
    ///
    /// # Errors
    /// As [`Memory::private`].
    pub fn populated(len: usize) -> Result<Memory, Error> {
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_POPULATE;
        Memory::anonymous(len, flags, Backing::Private)
    }

    /// Anonymous memory that stays the same memory in forked children (MAP_SHARED).
    ///
    /// # Errors
    /// As [`Memory::private`].
    pub fn shared(len: usize) -> Result<Memory, Error> {
        Memory::anonymous(len, MapFlags::MAP_SHARED, Backing::Shared)
    }

    fn anonymous(len: usize, flags: MapFlags, backing: Backing) -> Result<Memory, Error> {
        let error = |errno| Error::new(format!("mmap of {}", bytes(len as u64)), errno);
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing that exists:
        // the callers above pass neither MAP_FIXED nor anything that would limit it.
        let base = unsafe { map(0, len, flags | MapFlags::MAP_ANONYMOUS, None) }.map_err(error)?;
        Ok(Memory { base, len, backing })
    }

    /// Private anonymous memory that begins at a multiple of `alignment`.
    ///
    /// # Errors
    /// As [`Memory::private`]; `len` or `alignment` is no multiple of the page size.
    pub fn aligned(len: usize, alignment: usize) -> Result<Memory, Error> {
        let mut below = Memory::private(len + alignment)?;
        let skip = below.address().next_multiple_of(alignment) - below.address();
        let mut memory = below.split_off(skip)?;
        drop(memory.split_off(len)?);
        Ok(memory)
    }

    /// Shared memory of a file, each page `i` of it showing the file's page `order[i]`.
    ///
    /// # Errors
    /// ENOMEM as above, ENODEV for a file that cannot be mapped, EINVAL where `page` is not the
    /// size of a page or the file cannot be so long.
    pub fn map_pages(file: impl AsFd, page: usize, order: &[usize]) -> Result<Memory, Error> {
        let error = |which| move |errno| Error::new(format!("mmap page {which} of a file"), errno);
        // mmap rounds a length up to whole pages, and the last mapping would then end behind ours.
        if page != observe::machine::read().page_size {
            let what = format!("map a file in pieces of {page} bytes, which are no pages");
            return Err(Error::new(what, Errno::EINVAL));
        }
        let mut memory = Memory::private(page * order.len())?;
        memory.backing = Backing::Shared;
        for (i, &which) in order.iter().enumerate() {
            let at = memory.address() + i * page;
            let flags = MapFlags::MAP_SHARED | MapFlags::MAP_FIXED;
            let offset = which.checked_mul(page);
            let offset = offset.and_then(|offset| libc::off_t::try_from(offset).ok());
            let offset = offset.ok_or_else(|| error(which)(Errno::EINVAL))?;
            // SAFETY: `page` is the size of a page, so MAP_FIXED replaces just page `i` of the
            // `order.len()` pages that `memory` owns, and no reference points into it yet.
            unsafe { map(at, page, flags, Some((file.as_fd(), offset))) }.map_err(error(which))?;
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

    /// The bytes of private memory.
    ///
    /// # Panics
    /// If the memory is shared: others may change it, and a slice promises that it does not change.
    /// It is read with [`Memory::first_bytes`] and [`Memory::read_every`].
    pub fn bytes(&mut self) -> &mut [u8] {
        assert_eq!(self.backing, Backing::Private, "a slice of shared memory");
        // SAFETY: base..base+len is mapped readable and writable until drop, and what the kernel
        // maps is initialised; `&mut self` keeps any second slice of it from existing meanwhile.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.len) }
    }

    /// Writes the first byte of every `step` bytes.
    pub fn write_every(&mut self, step: usize, value: u8) {
        for at in (0..self.len).step_by(step) {
            // SAFETY: at < len. Volatile, because the fault is what is wanted: the write must
            // happen.
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

    /// The first byte of every `step` bytes.
    pub fn first_bytes(&self, step: usize) -> Vec<u8> {
        let at = (0..self.len).step_by(step);
        // SAFETY: as in `read_every`.
        at.map(|at| unsafe { self.base.add(at).read_volatile() })
            .collect()
    }
}

/// mmap(2) of readable and writable memory: where it lies. A kernel that answers with address 0 has
/// mapped nothing that could be used, and that is EFAULT.
///
/// # Safety
/// With `MAP_FIXED`, what lies at `address` is replaced: it is the caller's, and nothing points to
/// it.
unsafe fn map(
    address: usize,
    len: usize,
    flags: MapFlags,
    file: Option<(BorrowedFd<'_>, libc::off_t)>,
) -> Result<NonNull<u8>, Errno> {
    let (fd, offset) = file.map_or((-1, 0), |(fd, offset)| (fd.as_raw_fd(), offset));
    let writable = libc::PROT_READ | libc::PROT_WRITE;
    let at = address as *mut libc::c_void;
    // SAFETY: as the caller promises; without MAP_FIXED nothing that exists is replaced.
    let base = unsafe { libc::mmap(at, len, writable, flags.bits(), fd, offset) };
    if base == libc::MAP_FAILED {
        return Err(Errno::last());
    }
    NonNull::new(base.cast()).ok_or(Errno::EFAULT)
}

impl Drop for Memory {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: the range is owned and no slice of it outlives self. munmap fails only when
            // the process is at vm.max_map_count, and then the range stays mapped, unreachable.
            let _ = unsafe { munmap(self.base.cast(), self.len) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::mman::MmapAdvise;

    fn message(result: Result<Memory, Error>) -> String {
        result.map_or_else(|error| error.to_string(), |_| "none".to_owned())
    }

    #[test]
    fn what_would_be_unsound_is_refused() {
        let page = observe::machine::read().page_size;
        let mut two = Memory::private(2 * page).unwrap();
        assert!(message(two.split_off(1)).contains("at byte 1, "));
        assert!(message(two.split_off(3 * page)).contains("EINVAL"));
        let one = Memory::private(page).unwrap();
        assert!(message(two.move_onto(one)).contains("there is no room"));
        let shared = Memory::shared(page).unwrap();
        assert!(shared.advise(MmapAdvise::MADV_DONTNEED).is_err());
    }

    #[test]
    fn a_piece_of_a_file_is_a_page() {
        let page = observe::machine::read().page_size;
        let file = crate::scratch::in_memory(&vec![5; 2 * page]).unwrap();
        for piece in [0, 1, page - 1, page + 1, 2 * page] {
            let refused = Memory::map_pages(&file, piece, &[0]).unwrap_err();
            assert_eq!(refused.errno, Errno::EINVAL, "{piece}");
        }
        assert!(Memory::map_pages(&file, page, &[usize::MAX]).is_err());
        let memory = Memory::map_pages(&file, page, &[1, 0, 1]).unwrap();
        assert_eq!(memory.first_bytes(page), [5; 3]);
    }

    #[test]
    fn a_move_onto_longer_memory_keeps_the_bytes() {
        let page = observe::machine::read().page_size;
        let mut memory = Memory::private(page).unwrap();
        memory.write_every(page, 7);
        let mut moved = memory
            .move_onto(Memory::private(3 * page).unwrap())
            .unwrap();
        assert_eq!((moved.len(), moved.bytes()[0]), (page, 7));
    }

    #[test]
    #[should_panic(expected = "a slice of shared memory")]
    fn shared_memory_gives_no_slice() {
        Memory::shared(1).unwrap().bytes();
    }
}
