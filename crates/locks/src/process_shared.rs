//! Between processes: values in a `MAP_SHARED` mapping that every forked child inherits.
//!
//! Test-and-set needs nothing more to work between processes than that both see the same byte. So
//! the process-shared spinlock is the spinlock, in a mapping:
//!
//! ```
//! use locks::{Shared, SharedMutex, TestAndSet};
//! let counter = Shared::new(SharedMutex::<TestAndSet, u64>::new(0))?;
//! counter.lock().set(1); // and so may each child forked from here on
//! assert_eq!(counter.lock().get(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where the number of values is known at run time only, they are a slice:
//!
//! ```
//! use locks::Shared;
//! use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
//! let served = Shared::<[AtomicU64]>::from_fn(8, |_| AtomicU64::new(0))?; // one for each worker
//! served[3].fetch_add(1, Relaxed);
//! assert_eq!(served.iter().map(|count| count.load(Relaxed)).sum::<u64>(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What may be shared is what means the same in another address space: numbers, atomics, and the
//! locks that hold no pointer. A `Box` may not, and neither may a lock whose waiters queue by
//! address or sleep on a private futex:
//!
//! ```compile_fail,E0277
//! let _ = locks::Shared::new(Box::new(1));
//! ```
//! ```compile_fail,E0277
//! use locks::{Mcs, Shared, SharedMutex};
//! let _ = Shared::new(SharedMutex::<Mcs, u64>::new(0));
//! ```
//!
//! Nor may a [`lock_api::Mutex`], of whose guard a fork would make two:
//! [`SharedMutex`](super::SharedMutex) tells them apart.
//!
//! ```compile_fail,E0277
//! use locks::{Shared, TestAndSet};
//! let _ = Shared::new(lock_api::Mutex::<TestAndSet, u64>::new(0));
//! ```
//!
//! - **Never** where a process may die inside the critical section: no other process unlocks for
//!   it, and the waiters spin for ever. [`RobustMutex`](super::RobustMutex) is for that.
//!
//! Sources: mmap(2), fork(2).
#![expect(unsafe_code, reason = "the values live in memory from mmap(2)")]

use std::io;
use std::mem::needs_drop;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};

use super::{Backoff, CallError, TestAndSet, TestAndTestAndSet, Ticket, Yield};

/// What keeps its meaning in another process.
///
/// # Safety
/// The type holds no pointer, reference, descriptor or thread identity, needs no drop, and bears
/// being used by several processes at once through `&self`. What `&self` lends exclusively, it
/// lends to one process, also after a fork.
pub unsafe trait Shareable: Sync {}

macro_rules! shareable {
    ($($type:ty),* $(,)?) => { $(
        // SAFETY: no data, a number, an atomic number, or a lock made of nothing else.
        unsafe impl Shareable for $type {}
    )* };
}
shareable!(
    (),
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
    Yield,
);

// SAFETY: an array holds its elements and nothing else.
unsafe impl<T: Shareable, const N: usize> Shareable for [T; N] {}

/// A value, or a slice of values, in an anonymous `MAP_SHARED` mapping: this process and the
/// children that it forks from now on see one and the same. The memory goes with the last process
/// that has it.
#[derive(Debug)]
pub struct Shared<T: ?Sized> {
    values: NonNull<T>,
    /// Length of the mapping.
    bytes: usize,
}

impl<T: Shareable> Shared<T> {
    /// Moves `value` into a mapping of its own.
    ///
    /// # Errors
    /// That of mmap(2): ENOMEM.
    pub fn new(value: T) -> Result<Self, CallError> {
        const { assert_mappable::<T>() };
        let (place, bytes) = map(size_of::<T>(), 1)?;
        let shared = Shared {
            values: place.cast::<T>(),
            bytes,
        };
        // SAFETY: the mapping is ours alone, writable, large enough and aligned
        // (`assert_mappable`).
        unsafe { shared.values.write(value) };
        Ok(shared)
    }
}

impl<T: Shareable> Shared<[T]> {
    /// `len` values in one mapping; `value(index)` makes each.
    ///
    /// # Errors
    /// EINVAL for a `len` of 0, EOVERFLOW for more bytes than an address space can have, and that
    /// of mmap(2): ENOMEM.
    pub fn from_fn(len: usize, mut value: impl FnMut(usize) -> T) -> Result<Self, CallError> {
        const { assert_mappable::<T>() };
        const { assert!(size_of::<T>() > 0, "a slice of nothing needs no mapping") };
        let (place, bytes) = map(size_of::<T>(), len)?;
        let first = place.cast::<T>();
        // It owns the mapping from here on, so that a `value` that panics leaves none behind.
        let shared = Shared {
            values: NonNull::slice_from_raw_parts(first, len),
            bytes,
        };
        for index in 0..len {
            // SAFETY: `map` has given room for `len` values, aligned (`assert_mappable`), and no
            // reference to them exists before this function returns.
            unsafe { first.add(index).write(value(index)) };
        }
        Ok(shared)
    }
}

/// Fails to compile for a type that a mapping cannot hold, or that would have to be dropped.
pub(super) const fn assert_mappable<T>() {
    assert!(align_of::<T>() <= PAGE, "mmap aligns to pages only");
    assert!(
        !needs_drop::<T>(),
        "no process drops what all of them share"
    );
}

/// The smallest page of any Linux: what every mapping is aligned to.
const PAGE: usize = 4096;

/// Maps `count` values of `size` bytes, zeroed, shared with forked children. Returns the address
/// and the length of the mapping: at least one byte, because values of no size need an address too.
pub(super) fn map(size: usize, count: usize) -> Result<(NonNull<u8>, usize), CallError> {
    let error = |errno| {
        let object = match count {
            1 => format!("{size} bytes"),
            _ => format!("{count} values of {size} bytes"),
        };
        CallError::new("mmap MAP_SHARED", object, errno)
    };
    if count == 0 {
        return Err(error(libc::EINVAL));
    }
    let bytes = size
        .checked_mul(count)
        .filter(|&bytes| bytes <= isize::MAX as usize);
    let bytes = bytes.ok_or_else(|| error(libc::EOVERFLOW))?.max(1);
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    // SAFETY: a fresh mapping at an address of the kernel's choice touches nothing that exists.
    let address = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
    if address == libc::MAP_FAILED {
        let errno = io::Error::last_os_error().raw_os_error();
        return Err(error(errno.unwrap_or(libc::ENOMEM)));
    }
    // Without MAP_FIXED no mapping begins at address 0.
    let address = NonNull::new(address.cast()).ok_or_else(|| error(libc::ENOMEM))?;
    Ok((address, bytes))
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: written before the constructor returned, mapped until drop, and only lent as
        // `&T`. Other processes change the bytes meanwhile through `&self` only, which `Shareable`
        // allows.
        unsafe { self.values.as_ref() }
    }
}

impl<T: ?Sized> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: no code in this process borrows the values any more; other processes have
        // mappings of their own. The values need no drop (`assert_mappable`). munmap of our own
        // mapping, with the length it was made with, cannot fail.
        unsafe { libc::munmap(self.values.as_ptr().cast(), self.bytes) };
    }
}

// SAFETY: a `Shared<T>` is a `T` elsewhere; `Shareable` requires that several threads may use it.
unsafe impl<T: ?Sized + Send> Send for Shared<T> {}
// SAFETY: as above; only `&T` is ever given out.
unsafe impl<T: ?Sized + Sync> Sync for Shared<T> {}
