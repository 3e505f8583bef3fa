//! Test-and-test-and-set: wait by reading; swap only when the lock looks free.
//!
//! | `locked` | Meaning |
//! |---|---|
//! | `false` | unlocked |
//! | `true` | locked; waiters, if any, read a shared copy of the cache line |
//!
//! - **Use it** instead of test-and-set when several CPUs wait at once: readers share the line, so
//!   the holder's unlock does not have to win it back from each of them.
//! - **Never** where threads may outnumber CPUs; for the same reason as test-and-set.
//! - **Cost**: uncontended as test-and-set. When the lock is released all waiters see it together
//!   and swap together: one wins, the others have taken the line away for nothing.
//! - **Fairness**: none.
//!
//! Source: Rudolph and Segall, Dynamic decentralized cache schemes for MIMD parallel processors
//! (ISCA 1984).
#![expect(unsafe_code, reason = "lock_api::RawMutex is an unsafe trait")]

use lock_api::{GuardSend, RawMutex};

use super::platform::Ordering::{Acquire, Relaxed, Release};
use super::platform::{AtomicBool, spin_loop};

/// The test-and-test-and-set spinlock. See the [module](self) for when to use it.
#[derive(Debug)]
pub struct TestAndTestAndSet {
    locked: AtomicBool,
}

// SAFETY: a thread enters only through a swap that read `false`; the argument of test-and-set
// applies. The relaxed loads between the swaps decide when to try, never which thread enters.
unsafe impl RawMutex for TestAndTestAndSet {
    const INIT: Self = TestAndTestAndSet {
        locked: AtomicBool::new(false),
    };
    type GuardMarker = GuardSend;

    #[inline]
    fn lock(&self) {
        while self.locked.swap(true, Acquire) {
            while self.locked.load(Relaxed) {
                spin_loop();
            }
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        !self.locked.load(Relaxed) && !self.locked.swap(true, Acquire)
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.locked.store(false, Release);
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.locked.load(Relaxed)
    }
}
