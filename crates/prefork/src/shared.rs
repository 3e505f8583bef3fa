//! Memory that a process has in common with the children it forks.
#![expect(unsafe_code, reason = "an anonymous shared mapping, seen as a slice")]

use std::num::NonZeroUsize;
use std::ops::Deref;
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// A type that may lie in memory which several processes change at once.
///
/// # Safety
/// All bytes zero must be a value, and everything that is changed must be changed through atomics or
/// by the C library's process-shared objects.
pub unsafe trait Shareable: Sync {}

/// A slice in an anonymous shared mapping (mmap(2), `MAP_SHARED | MAP_ANONYMOUS`): children forked
/// later see the same bytes. It goes with the last process that has it.
#[derive(Debug)]
pub struct Shared<T: Shareable> {
    base: NonNull<T>,
    len: usize,
}

impl<T: Shareable> Shared<T> {
    /// `len` values, all bytes zero.
    ///
    /// # Errors
    /// ENOMEM; EINVAL for a length of 0.
    pub fn zeroed(len: usize) -> Result<Self, Errno> {
        let bytes = size_of::<T>().checked_mul(len).and_then(NonZeroUsize::new);
        let (read_write, shared) = (
            ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
            MapFlags::MAP_SHARED,
        );
        // SAFETY: a new mapping at an address of the kernel's choice replaces no other.
        let base =
            unsafe { mmap_anonymous(None, bytes.ok_or(Errno::EINVAL)?, read_write, shared)? };
        Ok(Shared {
            base: base.cast(),
            len,
        })
    }
}

impl<T: Shareable> Deref for Shared<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the mapping holds `len` values, aligned to a page, zeroed by the kernel, which
        // Shareable says is a value; it is unmapped only by drop, which no borrow outlives. Other
        // processes change the bytes meanwhile, through atomics only (Shareable again).
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.len) }
    }
}

impl<T: Shareable> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: our own mapping with its own length; nobody borrows from it any more. Other
        // processes keep theirs.
        let _ = unsafe { munmap(self.base.cast(), size_of::<T>() * self.len) };
    }
}
