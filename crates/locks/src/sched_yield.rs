//! Test-and-test-and-set that yields: a failed attempt gives the CPU away.
//!
//! | `locked` | Meaning |
//! |---|---|
//! | `false` | unlocked |
//! | `true` | locked; waiters, if any, call sched_yield(2) between looks |
//!
//! - **Use it** where threads outnumber CPUs and sections are short: the preempted holder runs next
//!   instead of waiting behind the spinners' time slices.
//! - **Never** where waits are long: it is still a busy wait, and a waiter alone on its CPU burns
//!   it in system calls. Nor under real-time policies: SCHED_FIFO yields only to its own priority.
//! - **Cost**: uncontended as test-and-set; a failure costs a system call, some 0.4 microseconds.
//! - **Fairness**: that of the scheduler's run queue, CPU by CPU; between CPUs none.
//!
//! Source: sched_yield(2).
#![expect(unsafe_code, reason = "lock_api::RawMutex is an unsafe trait")]

use lock_api::{GuardSend, RawMutex};

use super::platform::Ordering::{Acquire, Relaxed, Release};
use super::platform::{AtomicBool, yield_now};

/// The spinlock that calls sched_yield(2) while it waits. See the [module](self) for when to use
/// it.
#[derive(Debug)]
pub struct Yield {
    locked: AtomicBool,
}

// SAFETY: a thread enters only through a swap that read `false`; the argument of test-and-set
// applies.
unsafe impl RawMutex for Yield {
    const INIT: Self = Yield {
        locked: AtomicBool::new(false),
    };
    type GuardMarker = GuardSend;

    #[inline]
    fn lock(&self) {
        while !self.try_lock() {
            yield_now();
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
