//! Every lock as the `RawMutex` of lock_api 0.5 too, which parking_lot 0.13 uses.
//!
//! In 0.5 `lock` returns a value that stands for the acquisition and `unlock` takes it back. These
//! locks have nothing to carry from the one to the other, so the value is the empty
//! [`GuardSend`], and each method calls the one of lock_api 0.4 that the lock's own file defines.
#![expect(unsafe_code, reason = "lock_api::RawMutex is an unsafe trait")]

use lock_api_05::{GuardSend, RawMutex};

macro_rules! raw_mutex {
    ($($lock:ty),* $(,)?) => { $(
        // SAFETY: 0.4 and 0.5 demand the same exclusion and the same orderings, which the lock's
        // own file argues for. 0.5 demands two things more. A locked mutex may be moved and
        // dropped: the lock keeps no address of itself, and has no destructor. An operation that
        // unwinds leaves nothing acquired: none unwinds.
        unsafe impl RawMutex for $lock {
            const INIT: Self = <Self as lock_api::RawMutex>::INIT;
            type Guard = GuardSend;

            #[inline]
            fn lock(&self) -> GuardSend {
                lock_api::RawMutex::lock(self);
                GuardSend::new()
            }

            #[inline]
            fn try_lock(&self) -> Option<GuardSend> {
                lock_api::RawMutex::try_lock(self).then(GuardSend::new)
            }

            #[inline]
            unsafe fn unlock(&self, _guard: GuardSend) {
                // SAFETY: the caller gives the value of a successful lock, so the lock is held.
                unsafe { lock_api::RawMutex::unlock(self) };
            }

            #[inline]
            fn is_locked(&self) -> bool {
                lock_api::RawMutex::is_locked(self)
            }
        }
    )* };
}
raw_mutex!(
    crate::Backoff,
    crate::Mcs,
    crate::TestAndSet,
    crate::TestAndTestAndSet,
    crate::Ticket,
);
#[cfg(feature = "std")]
raw_mutex!(crate::Asymmetric, crate::Futex, crate::Yield);
