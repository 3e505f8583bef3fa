//! What the threads of a window share: a lock and the value that it guards, side by side.
#![expect(unsafe_code, reason = "the lock is made at the place where it stays")]

use std::marker::PhantomPinned;
use std::pin::Pin;
use std::sync::atomic::AtomicU64;

use super::contender::Contender;

/// A lock and the value that it guards, in one cache line, at an address that never changes: POSIX
/// allows a lock of the C library to be used only where it was initialised.
#[repr(align(128))]
pub struct Arena<C> {
    lock: C,
    /// What the sections count in.
    pub value: AtomicU64,
    _pinned: PhantomPinned,
}

impl<C: Contender> Arena<C> {
    /// An unlocked lock and 0.
    pub fn new() -> Pin<Box<Self>> {
        let mut place = Box::<Self>::new_uninit();
        let arena = place.as_mut_ptr();
        // SAFETY: a fresh allocation, in which each field is written once and before any thread
        // reads it. `initialise` asks for a place that the lock keeps: the arena is pinned in its
        // box right here, is not Unpin, and lends its lock by shared reference only.
        let arena = unsafe {
            C::initialise(&raw mut (*arena).lock);
            (&raw mut (*arena).value).write(AtomicU64::new(0));
            place.assume_init()
        };
        Box::into_pin(arena)
    }

    /// The lock.
    #[inline]
    pub fn lock(&self) -> &C {
        &self.lock
    }
}
