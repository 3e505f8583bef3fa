//! Ticket: draw a number, wait until it is called.
//!
//! | `next` | `serving` | Meaning |
//! |---|---|---|
//! | n | n | unlocked |
//! | n + 1 | n | locked, no thread waits |
//! | n + 1 + w | n | locked, w threads wait, in the order of their tickets |
//!
//! Both wrap around at 2^32; only their difference counts, so that up to 2^32 - 1 threads may wait.
//!
//! - **Use it** where each waiter must get its turn and every waiter has a CPU of its own.
//! - **Never** where threads may outnumber CPUs: the lock can go only to the next ticket, and if
//!   that thread is not running, no thread enters until the scheduler has run it again:
//!   milliseconds each time.
//! - **Cost**: a locked add and a plain store. Every release is read by all waiters.
//! - **Fairness**: first come, first served, exactly.
//!
//! Source: Mellor-Crummey and Scott, Algorithms for scalable synchronization on shared-memory
//! multiprocessors (ACM TOCS 1991), section 2.2; Linux used it on x86 from 2.6.25 to 4.1.
#![expect(unsafe_code, reason = "lock_api::RawMutex is an unsafe trait")]

use lock_api::{GuardSend, RawMutex};

use super::platform::Ordering::{Acquire, Relaxed, Release};
use super::platform::{AtomicU32, spin_loop};

/// The ticket lock. See the [module](self) for when to use it.
#[derive(Debug)]
pub struct Ticket {
    next: AtomicU32,
    serving: AtomicU32,
}

// SAFETY: fetch_add hands out each number once, and `serving` shows one number at a time: only its
// holder is inside. Only the holder writes `serving`, so load and store need not be one operation;
// the next holder's Acquire load reads that Release store.
unsafe impl RawMutex for Ticket {
    const INIT: Self = Ticket {
        next: AtomicU32::new(0),
        serving: AtomicU32::new(0),
    };
    type GuardMarker = GuardSend;

    #[inline]
    fn lock(&self) {
        let ticket = self.next.fetch_add(1, Relaxed);
        while self.serving.load(Acquire) != ticket {
            spin_loop();
        }
    }

    /// Draws a ticket only if it would be served at once.
    #[inline]
    fn try_lock(&self) -> bool {
        let serving = self.serving.load(Acquire);
        self.next
            .compare_exchange(serving, serving.wrapping_add(1), Relaxed, Relaxed)
            .is_ok()
    }

    #[inline]
    unsafe fn unlock(&self) {
        let served = self.serving.load(Relaxed);
        self.serving.store(served.wrapping_add(1), Release);
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.serving.load(Relaxed) != self.next.load(Relaxed)
    }
}
