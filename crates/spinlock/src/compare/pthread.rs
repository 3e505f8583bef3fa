//! The locks of the C library.
#![expect(unsafe_code, reason = "pthread_spin_lock(3) and pthread_mutex_lock(3)")]

use std::cell::UnsafeCell;

use super::contender::Contender;

/// pthread_spin_lock(3).
pub struct PthreadSpin(UnsafeCell<libc::pthread_spinlock_t>);

// SAFETY: made to be used by several threads through its address.
unsafe impl Sync for PthreadSpin {}

impl Contender for PthreadSpin {
    unsafe fn initialise(place: *mut Self) {
        // SAFETY: the caller gives a place to write to, in which the lock stays. With these
        // arguments pthread_spin_init cannot fail in glibc or musl.
        unsafe {
            place.write(PthreadSpin(UnsafeCell::new(0)));
            libc::pthread_spin_init((*place).0.get(), libc::PTHREAD_PROCESS_PRIVATE);
        }
    }
    #[inline]
    fn section(&self, section: impl FnOnce()) {
        // SAFETY: `initialise` is the only way to make one; it was called for this place.
        unsafe { libc::pthread_spin_lock(self.0.get()) };
        section();
        // SAFETY: as above, and locked by this thread two lines above.
        unsafe { libc::pthread_spin_unlock(self.0.get()) };
    }
}

/// pthread_mutex_lock(3).
pub struct PthreadMutex(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: made to be used by several threads through its address.
unsafe impl Sync for PthreadMutex {}
// SAFETY: sent while unlocked only.
unsafe impl Send for PthreadMutex {}

impl Contender for PthreadMutex {
    unsafe fn initialise(place: *mut Self) {
        // SAFETY: the caller gives a place to write to, in which the lock stays. The static
        // initialiser is a whole initialisation.
        unsafe {
            place.write(PthreadMutex(UnsafeCell::new(
                libc::PTHREAD_MUTEX_INITIALIZER,
            )))
        };
    }
    #[inline]
    fn section(&self, section: impl FnOnce()) {
        // SAFETY: `initialise` is the only way to make one; it was called for this place.
        unsafe { libc::pthread_mutex_lock(self.0.get()) };
        section();
        // SAFETY: as above, and locked by this thread two lines above.
        unsafe { libc::pthread_mutex_unlock(self.0.get()) };
    }
}
