//! Bounded exponential backoff: each failure doubles the wait, up to a limit.
//!
//! | `locked` | Meaning |
//! |---|---|
//! | `false` | unlocked |
//! | `true` | locked; waiters, if any, are pausing and look again ever more rarely |
//!
//! - **Use it** for short critical sections under contention when every thread has a CPU: while the
//!   others back off, the holder keeps the line and gets through several sections at cache speed.
//! - **Never** where threads may outnumber CPUs, or where each thread must get its share.
//! - **Cost**: uncontended as test-and-set. A waiter may miss the moment of release by as much as
//!   the limit: 64 pauses, which is 1 to 6 microseconds depending on the CPU.
//! - **Fairness**: worse than none: a thread that has just failed waits longer than a newcomer.
//!
//! Source: Anderson, The performance of spin lock alternatives for shared-memory multiprocessors
//! (IEEE TPDS 1990).
#![expect(unsafe_code, reason = "lock_api::RawMutex is an unsafe trait")]

use lock_api::{GuardSend, RawMutex};

use super::platform::Ordering::{Acquire, Relaxed, Release};
use super::platform::{AtomicBool, spin_loop};

/// The longest wait between two looks at the lock, in PAUSE instructions.
const MAX_PAUSES: u32 = 64;

/// The spinlock with bounded exponential backoff. See the [module](self) for when to use it.
#[derive(Debug)]
pub struct Backoff {
    locked: AtomicBool,
}

// SAFETY: a thread enters only through a swap that read `false`; the argument of test-and-set
// applies.
unsafe impl RawMutex for Backoff {
    const INIT: Self = Backoff {
        locked: AtomicBool::new(false),
    };
    type GuardMarker = GuardSend;

    #[inline]
    fn lock(&self) {
        let mut pauses = 1;
        while !self.try_lock() {
            for _ in 0..pauses {
                spin_loop();
            }
            pauses = (pauses * 2).min(MAX_PAUSES);
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
