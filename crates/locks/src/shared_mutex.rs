//! A mutex for [`Shared`](super::Shared) memory, whose guard knows which process holds it.
//!
//! A fork copies everything, guards included. Of a [`lock_api::MutexGuard`] there would be two
//! then: the parent drops its own, which unlocks, and the child goes on writing. So this guard
//!
//! - unlocks only in the process that locked, and gives access only there;
//! - lends no reference, because a reference cannot be checked again after a fork:
//!   [`get`](Guard::get) and [`set`](Guard::set) copy the value.
//!
//! A process is known by a generation that the kernel makes a forked child forget
//! (`MADV_WIPEONFORK`), not by its number, which another PID namespace can repeat. A child made by
//! vfork(2), or by clone(2) with `CLONE_VM`, has the same memory as its parent, and so the same
//! guard.
//!
//! - **Cost**: that of the lock, and two loads and a comparison for each guard and each access.
//! - **Fairness**: that of the lock.
//!
//! Sources: fork(2), madvise(2), pid_namespaces(7).
#![expect(
    unsafe_code,
    reason = "it vouches that it may be shared between processes"
)]

use std::fmt;
use std::mem::ManuallyDrop;

use lock_api::{Mutex, MutexGuard, RawMutex};

use super::Shareable;
use super::generation::Generation;

/// A value behind the lock `L`, between processes if it lies in [`Shared`](super::Shared) memory.
///
/// ```
/// use locks::{Shared, SharedMutex, TestAndSet};
/// let counter = Shared::new(SharedMutex::<TestAndSet, u64>::new(0))?;
/// let mut guard = counter.lock();
/// guard.set(guard.get() + 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SharedMutex<L, T> {
    mutex: Mutex<L, T>,
}

// SAFETY: it is the lock and the value, both shareable. Whoever reaches the value has locked first,
// and in this process: a guard's copies in forked children give no access and do not unlock, and no
// reference to the value is ever lent.
unsafe impl<L: RawMutex + Shareable, T: Shareable + Send> Shareable for SharedMutex<L, T> {}

impl<L: RawMutex, T: Copy> SharedMutex<L, T> {
    /// Unlocked, with `value` inside.
    pub const fn new(value: T) -> Self {
        SharedMutex {
            mutex: Mutex::new(value),
        }
    }

    /// Waits for the lock.
    pub fn lock(&self) -> Guard<'_, L, T> {
        Guard::new(self.mutex.lock())
    }

    /// Takes the lock if it is free.
    pub fn try_lock(&self) -> Option<Guard<'_, L, T>> {
        self.mutex.try_lock().map(Guard::new)
    }
}

impl<L: RawMutex, T> fmt::Debug for SharedMutex<L, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMutex")
            .field("locked", &self.mutex.is_locked())
            .finish_non_exhaustive()
    }
}

/// The lock is held by this process until this is dropped.
#[must_use]
pub struct Guard<'a, L: RawMutex, T> {
    guard: ManuallyDrop<MutexGuard<'a, L, T>>,
    holder: Generation,
}

impl<'a, L: RawMutex, T: Copy> Guard<'a, L, T> {
    fn new(guard: MutexGuard<'a, L, T>) -> Self {
        Guard {
            guard: ManuallyDrop::new(guard),
            holder: Generation::current(),
        }
    }

    /// The value.
    ///
    /// # Panics
    /// In a child forked while the lock was held, because its parent holds the lock.
    pub fn get(&self) -> T {
        assert_holder(self.holder);
        **self.guard
    }

    /// Writes the value.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    pub fn set(&mut self, value: T) {
        assert_holder(self.holder);
        **self.guard = value;
    }
}

/// Panics unless the calling process is the `holder` that took the lock.
pub(super) fn assert_holder(holder: Generation) {
    assert!(
        holder == Generation::current(),
        "the parent process holds the lock; this forked child has only a copy of its guard"
    );
}

impl<L: RawMutex, T> Drop for Guard<'_, L, T> {
    fn drop(&mut self) {
        if self.holder == Generation::current() {
            // SAFETY: dropped here and nowhere else, and not used after.
            unsafe { ManuallyDrop::drop(&mut self.guard) };
        }
    }
}

impl<L: RawMutex, T> fmt::Debug for Guard<'_, L, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("held_here", &(self.holder == Generation::current()))
            .finish_non_exhaustive()
    }
}
