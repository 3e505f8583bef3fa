//! The one small trait of everything that is compared: our locks, the standard library's, those of
//! other crates.
#![expect(
    unsafe_code,
    reason = "lock_api's raw interface unlocks by promise, and a lock is made in its place"
)]

use std::sync::PoisonError;

use lock_api::RawMutex;

/// A lock as the harness uses it.
pub trait Contender: Sync + Send + 'static {
    /// Puts an unlocked one into `place`.
    ///
    /// # Safety
    /// `place` is valid for writes and aligned, and the lock is not moved away from it.
    unsafe fn initialise(place: *mut Self);
    /// Runs `section` inside the lock.
    fn section(&self, section: impl FnOnce());
}

/// Something to do with the type of a lock: see
/// [`LockName::visit`](super::lock_name::LockName::visit).
pub trait Visitor {
    /// What comes of it.
    type Output;
    /// Does it.
    fn visit<C: Contender>(self) -> Self::Output;
}

/// The floor: the section without a lock.
pub struct NoLock;

impl Contender for NoLock {
    unsafe fn initialise(place: *mut Self) {
        // SAFETY: the caller gives a place to write to.
        unsafe { place.write(NoLock) };
    }
    #[inline]
    fn section(&self, section: impl FnOnce()) {
        section();
    }
}

/// Any lock of lock_api's kind.
pub struct Raw<L>(L);

impl<L: RawMutex + Sync + Send + 'static> Contender for Raw<L> {
    unsafe fn initialise(place: *mut Self) {
        // SAFETY: the caller gives a place to write to.
        unsafe { place.write(Raw(L::INIT)) };
    }
    #[inline]
    fn section(&self, section: impl FnOnce()) {
        self.0.lock();
        section();
        // SAFETY: locked two lines above, by this thread.
        unsafe { self.0.unlock() };
    }
}

impl Contender for std::sync::Mutex<()> {
    unsafe fn initialise(place: *mut Self) {
        // SAFETY: the caller gives a place to write to.
        unsafe { place.write(Self::default()) };
    }
    #[inline]
    fn section(&self, section: impl FnOnce()) {
        let _guard = self.lock().unwrap_or_else(PoisonError::into_inner);
        section();
    }
}

/// The locks of other crates, used as their users use them: `lock` gives a guard.
#[cfg(feature = "contenders")]
macro_rules! guarded {
    ($($lock:ty),* $(,)?) => { $(
        impl Contender for $lock {
            unsafe fn initialise(place: *mut Self) {
                // SAFETY: the caller gives a place to write to.
                unsafe { place.write(Self::new(())) };
            }
            #[inline]
            fn section(&self, section: impl FnOnce()) {
                let _guard = self.lock();
                section();
            }
        }
    )* };
}
#[cfg(feature = "contenders")]
guarded!(
    contenders::parking_lot::Mutex<()>,
    contenders::spin::Mutex<()>,
    contenders::spinning_top::Spinlock<()>,
    contenders::usync::Mutex<()>,
);
