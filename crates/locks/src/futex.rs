//! Futex: the three-state mutex. A thread that cannot enter sleeps in the kernel.
//!
//! | `state` | Meaning |
//! |---|---|
//! | 0 `FREE` | unlocked |
//! | 1 `HELD` | locked, no thread sleeps: the unlock is one swap, no system call |
//! | 2 `AWAITED` | locked, a thread sleeps or is about to: the unlock calls FUTEX_WAKE for one |
//!
//! - **Use it** by default: when the holder is preempted the waiters cost nothing.
//! - **Never** in an interrupt handler or anywhere that cannot sleep.
//! - **Cost**: two locked exchanges uncontended, twice test-and-set, because the unlock must learn
//!   whether a thread sleeps; a hand-over through the kernel costs two system calls and a wakeup.
//! - **Fairness**: none by promise: a running thread may take the lock before the woken one has
//!   arrived. FUTEX_WAKE wakes those of equal priority in the order of sleep. The woken one may
//!   lose to a running thread again and sleep anew, at the end: it is seldom that a thread gets
//!   nothing at all, but it happens.
//!
//! Sources: Drepper, Futexes Are Tricky (2011), mutex2; futex(2).
#![expect(unsafe_code, reason = "lock_api::RawMutex is an unsafe trait")]

use lock_api::{GuardSend, RawMutex};

use super::platform::Ordering::{Acquire, Relaxed, Release};
use super::platform::{AtomicU32, LOOKS_BEFORE_SLEEP, futex_wait, futex_wake, spin_loop};

const FREE: u32 = 0;
const HELD: u32 = 1;
const AWAITED: u32 = 2;

/// The three-state futex mutex. See the [module](self) for when to use it.
#[derive(Debug)]
pub struct Futex {
    state: AtomicU32,
}

impl Futex {
    #[cold]
    fn wait(&self) {
        for _ in 0..LOOKS_BEFORE_SLEEP {
            if self.state.load(Relaxed) != HELD {
                break;
            }
            spin_loop();
        }
        // A thread that comes through here takes the lock as AWAITED, even when no thread sleeps
        // any more: it cannot know. One wake too many is harmless; after one too few a thread
        // sleeps for ever.
        while self.state.swap(AWAITED, Acquire) != FREE {
            futex_wait(&self.state, AWAITED);
        }
    }
}

// SAFETY: a thread enters only by an exchange that read FREE, and after FREE is written one
// exchange reads it. No wakeup is lost: a sleeper has written AWAITED, and the kernel puts it to
// sleep only while the word still says AWAITED. The unlock's swap either comes later and reads
// AWAITED, or came earlier, and then the kernel refuses the sleep.
unsafe impl RawMutex for Futex {
    const INIT: Self = Futex {
        state: AtomicU32::new(FREE),
    };
    type GuardMarker = GuardSend;

    #[inline]
    fn lock(&self) {
        if !self.try_lock() {
            self.wait();
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.state
            .compare_exchange(FREE, HELD, Acquire, Relaxed)
            .is_ok()
    }

    #[inline]
    unsafe fn unlock(&self) {
        if self.state.swap(FREE, Release) == AWAITED {
            futex_wake(&self.state);
        }
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.state.load(Relaxed) != FREE
    }
}
