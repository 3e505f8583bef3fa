//! Test-and-set: one instruction stores `true` and returns what was there.
//!
//! | `locked` | Meaning |
//! |---|---|
//! | `false` | unlocked |
//! | `true` | locked; waiters, if any, are swapping `true` for `true` |
//!
//! - **Use it** where the critical section is a few instructions, the threads are fewer than the
//!   CPUs and nothing preempts them: a kernel with preemption off, an interrupt handler, a pinned
//!   pair.
//! - **Never** in a program whose threads may outnumber its CPUs: a preempted holder leaves all
//!   others burning their time slices.
//! - **Cost**: one locked exchange and one plain store; no lock is cheaper without
//!   contention. Under contention every attempt takes the cache line away from the holder.
//! - **Fairness**: none. The CPU that has the line wins again.
//!
//! Source: the IBM System/360 instruction TS, and Herlihy and Shavit, The Art of Multiprocessor
//! Programming, section 7.2.
#![expect(unsafe_code, reason = "lock_api::RawMutex is an unsafe trait")]

use lock_api::{GuardSend, RawMutex};

use super::platform::Ordering::{Acquire, Relaxed, Release};
use super::platform::{AtomicBool, spin_loop};

/// The test-and-set spinlock. See the [module](self) for when to use it.
///
/// ```
/// use locks::TestAndSet;
/// let counter = lock_api::Mutex::<TestAndSet, u64>::new(0);
/// *counter.lock() += 1;
/// assert_eq!(*counter.lock(), 1);
/// ```
#[derive(Debug)]
pub struct TestAndSet {
    locked: AtomicBool,
}

// SAFETY: of all threads whose swaps follow a store of `false`, exactly one reads that `false`,
// because a swap reads the last value before its own write; the others read `true` and try again.
// The winner's Acquire read sees the Release store of the unlock, and with it all that the former
// holder wrote.
unsafe impl RawMutex for TestAndSet {
    const INIT: Self = TestAndSet {
        locked: AtomicBool::new(false),
    };
    type GuardMarker = GuardSend;

    #[inline]
    fn lock(&self) {
        while self.locked.swap(true, Acquire) {
            spin_loop();
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        !self.locked.swap(true, Acquire)
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
