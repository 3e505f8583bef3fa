//! Between processes: a value in a `MAP_SHARED` mapping that every forked child inherits.
//!
//! Test-and-set needs nothing more to work between processes than that both see the same byte. So the
//! process-shared spinlock is the spinlock, in a mapping:
//!
//! ```
//! use locks::{Shared, SharedMutex, TestAndSet};
//! let counter = Shared::new(SharedMutex::<TestAndSet, u64>::new(0))?;
//! counter.lock().set(1); // and so may each child forked from here on
//! assert_eq!(counter.lock().get(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What may be shared is what means the same in another address space: numbers, atomics, and the locks
//! that hold no pointer. A `Box` may not, and neither may a lock whose waiters queue by address or sleep on a private futex:
//!
//! ```compile_fail,E0277
//! let _ = locks::Shared::new(Box::new(1));
//! ```
//! ```compile_fail,E0277
//! use locks::{Mcs, Shared, SharedMutex};
//! let _ = Shared::new(SharedMutex::<Mcs, u64>::new(0));
//! ```
//!
//! Nor a [`lock_api::Mutex`], of whose guard a fork would make two: [`SharedMutex`](super::SharedMutex) tells them apart.
//!
//! ```compile_fail,E0277
//! use locks::{Shared, TestAndSet};
//! let _ = Shared::new(lock_api::Mutex::<TestAndSet, u64>::new(0));
//! ```
//!
//! - **Never** where a process may die inside the critical section: nobody unlocks for it, and the
//!   others spin for ever. [`RobustMutex`](super::RobustMutex) is for that.
//!
//! Source: mmap(2), fork(2).
#![expect(unsafe_code, reason = "the value lives in memory from mmap(2)")]

use std::io;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};

use super::{Backoff, CallError, TestAndSet, TestAndTestAndSet, Ticket, Yield};

/// What keeps its meaning in another process.
///
/// # Safety
/// The type holds no pointer, reference, descriptor or thread identity, needs no drop, and bears being used by several
/// processes at once through `&self`. What `&self` lends exclusively, it lends to one process, also after a fork.
pub unsafe trait Shareable: Sync {}

macro_rules! shareable {
    ($($type:ty),*) => { $(
        // SAFETY: a number, an atomic number, or a lock made of nothing else.
        unsafe impl Shareable for $type {}
    )* };
}
shareable!(
    bool,
    u8,
    u16,
    u32,
    u64,
    usize,
    i32,
    i64,
    AtomicBool,
    AtomicU32,
    AtomicU64,
    AtomicUsize,
    Backoff,
    TestAndSet,
    TestAndTestAndSet,
    Ticket,
    Yield
);

// SAFETY: an array holds its elements and nothing else.
unsafe impl<T: Shareable, const N: usize> Shareable for [T; N] {}

/// A value in an anonymous `MAP_SHARED` mapping: parent and forked children see one and the same.
#[derive(Debug)]
pub struct Shared<T> {
    value: NonNull<T>,
}

impl<T: Shareable> Shared<T> {
    /// Moves `value` into a mapping of its own.
    ///
    /// # Errors
    /// That of mmap(2): ENOMEM.
    pub fn new(value: T) -> Result<Self, CallError> {
        const { assert!(align_of::<T>() <= PAGE, "mmap aligns to pages only") };
        let value_pointer = map(size_of::<T>())?.cast::<T>();
        // SAFETY: the mapping is ours alone, writable, page-aligned and large enough.
        unsafe { value_pointer.write(value) };
        Ok(Self {
            value: value_pointer,
        })
    }
}

/// The smallest page of any Linux: what every mapping is aligned to.
pub(super) const PAGE: usize = 4096;

/// Maps `bytes` (at least one) of zeroed memory that forked children share.
pub(super) fn map(bytes: usize) -> Result<NonNull<u8>, CallError> {
    let (protection, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_SHARED | libc::MAP_ANONYMOUS,
    );
    // SAFETY: a fresh mapping at an address of the kernel's choice touches nothing that exists.
    let address = unsafe { libc::mmap(ptr::null_mut(), bytes.max(1), protection, flags, -1, 0) };
    let error = |error| CallError::new(format!("mmap {bytes} bytes MAP_SHARED"), error);
    if address == libc::MAP_FAILED {
        return Err(error(io::Error::last_os_error()));
    }
    NonNull::new(address.cast()).ok_or_else(|| error(io::Error::other("it returned address 0")))
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: written in `new`, mapped until drop, and only ever lent as `&T`.
        unsafe { self.value.as_ref() }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: nobody in this process borrows the value any more; other processes have mappings of their own. The
        // value itself needs no drop (`Shareable`). munmap of our own mapping cannot fail.
        unsafe { libc::munmap(self.value.as_ptr().cast(), size_of::<T>().max(1)) };
    }
}

// SAFETY: a `Shared<T>` is a `T` elsewhere; `Shareable` requires that it bears use by several threads.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above; only `&T` is ever given out.
unsafe impl<T: Sync> Sync for Shared<T> {}
