//! A mutex for [`Shared`](super::Shared) memory, whose guard knows which process holds it.
//!
//! A fork copies everything, guards included. Of a [`lock_api::MutexGuard`] there would be two then: the parent drops its
//! own, which unlocks, and the child goes on writing. So this guard
//!
//! - unlocks only in the process that locked, and in no other gives access;
//! - lends no reference, because a reference got before the fork would not be asked again after it: [`get`](Guard::get) and
//!   [`set`](Guard::set) copy the value.
//!
//! **Cost**: a getpid(2) for each guard and each access.
//!
//! Source: fork(2).
#![expect(
    unsafe_code,
    reason = "it vouches that it may be shared between processes"
)]

use super::Shareable;
use lock_api::{Mutex, MutexGuard, RawMutex};
use std::{fmt, mem::ManuallyDrop, process};

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

// SAFETY: it is the lock and the value, both shareable, and whoever gets at the value locked first and in this process: the
// guard's copies in forked children give no access and do not unlock, and no reference to the value is ever lent.
unsafe impl<L: RawMutex + Shareable, T: Shareable + Send> Shareable for SharedMutex<L, T> {}

impl<L: RawMutex, T: Copy> SharedMutex<L, T> {
    /// Unlocked, with `value` inside.
    pub const fn new(value: T) -> Self {
        Self {
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
    process: u32,
}

impl<'a, L: RawMutex, T: Copy> Guard<'a, L, T> {
    fn new(guard: MutexGuard<'a, L, T>) -> Self {
        Self {
            guard: ManuallyDrop::new(guard),
            process: process::id(),
        }
    }

    /// The value.
    ///
    /// # Panics
    /// In a child forked while the lock was held: it is its parent's.
    pub fn get(&self) -> T {
        own(self.process);
        **self.guard
    }

    /// Writes the value.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    pub fn set(&mut self, value: T) {
        own(self.process);
        **self.guard = value;
    }
}

/// Panics unless the calling process is `process`, the one that took the lock.
pub(super) fn own(process: u32) {
    let this = process::id();
    assert!(
        this == process,
        "the lock is held by process {process}, and process {this} has but a copy of its guard"
    );
}

impl<L: RawMutex, T> Drop for Guard<'_, L, T> {
    fn drop(&mut self) {
        if self.process == process::id() {
            // SAFETY: dropped here and nowhere else, and not used after.
            unsafe { ManuallyDrop::drop(&mut self.guard) };
        }
    }
}

impl<L: RawMutex, T> fmt::Debug for Guard<'_, L, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}
