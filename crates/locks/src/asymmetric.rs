//! Asymmetric: the price of test-and-set when no thread waits, sleep where a thread must wait.
//!
//! A futex mutex pays a second locked operation at each unlock to learn whether a thread sleeps.
//! Here the unlock is a plain store and a plain load, and the rare thread that goes to sleep pays
//! for the ordering between them with membarrier(2). Where that is refused, the unlock has a full
//! fence again: see [`barriers`].
//!
//! | `state` | Meaning |
//! |---|---|
//! | 0 `FREE` | unlocked |
//! | 1 `HELD` | locked |
//! | 2 `RESERVED` | unlocked, but only the heir may take it |
//!
//! | `parked` | Meaning |
//! |---|---|
//! | 0 | no sleeper, or a thread that has slept is awake and will wake the next |
//! | 1 | a thread sleeps or is about to: the unlock wakes one |
//!
//! | `heir` | Meaning |
//! |---|---|
//! | 0 `NO_HEIR` | no thread has waited too long |
//! | 1 `AWAKE` | one waiter has, and is trying: the unlock reserves the lock for it |
//! | 2 `ASLEEP` | the same, but it sleeps: the unlock that sees `parked` wakes it before others |
//!
//! `sections` counts the unlocks, and wraps. It decides nothing but how to wait.
//!
//! A waiter reads `sections` twice, a moment apart. If sections went by, they are short: it stays
//! away from the cache line for longer, so that the holder gets many of them done at full speed. If
//! not, it looks at the lock often, because this section may end just now. Then it yields between
//! looks, because the holder may be a preempted neighbour on the same CPU. Then it sleeps, because
//! no thread should burn a CPU for long.
//!
//! - **Use it** where the number of threads, the length of sections and the load of the machine are
//!   not known beforehand.
//! - **Never** between processes (membarrier reaches one process), in no_std, or under real-time
//!   policies; nor where the next thread inside may free the lock (a reference count inside): the
//!   unlock reads `parked` after it has released. Nor where a process forks while its threads
//!   contend for the lock and the child goes on to use it: the heir may be a thread that the child
//!   does not have.
//! - **Cost**: uncontended as test-and-set: one locked operation. A sleep costs 10 to 50
//!   microseconds more than a futex mutex's. The first unlock of a process registers with
//!   membarrier, which lasts 5 to 34 ms once there are several threads: call [`barriers`] at the
//!   start of `main`, while there is one.
//! - **Fairness**: barging, bounded. Of the waiters that have yielded 200 times one becomes the
//!   heir (which one is a race), and the first unlock that sees the heir reserves the lock for it.
//!   Throughput does not suffer, because such a reservation is rare.
//!
//! Sources: folly `AsymmetricThreadFence` for the idea; brpc #3539 for the lost wakeup that a wrong
//! order of store and load brings, which the loom models must find when the barrier is taken away.
//!
//! [`barriers`]: crate::barriers
#![expect(unsafe_code, reason = "lock_api::RawMutex is an unsafe trait")]

use lock_api::{GuardSend, RawMutex};

use super::platform::Ordering::{AcqRel, Acquire, Relaxed, Release};
use super::platform::{
    AtomicU32, LOOKS_BEFORE_YIELD, RETREAT_TIME, WATCH_TIME, YIELDS_BEFORE_HEIR,
    YIELDS_BEFORE_SLEEP, futex_wait, futex_wait_briefly, futex_wake, heavy_barrier, light_barrier,
    spin_for, spin_loop, yield_now,
};

const FREE: u32 = 0;
const HELD: u32 = 1;
const RESERVED: u32 = 2;

const NO_HEIR: u32 = 0;
const AWAKE: u32 = 1;
const ASLEEP: u32 = 2;

/// The asymmetric lock. See the [module](self) for when to use it.
///
/// ```
/// use locks::Asymmetric;
/// let counter = lock_api::Mutex::<Asymmetric, u64>::new(0);
/// *counter.lock() += 1;
/// assert_eq!(*counter.lock(), 1);
/// ```
#[derive(Debug)]
pub struct Asymmetric {
    state: AtomicU32,
    sections: AtomicU32,
    parked: AtomicU32,
    heir: AtomicU32,
}

impl Asymmetric {
    #[cold]
    fn wait(&self) {
        let mut waiter = Waiter {
            lock: self,
            yields: 0,
            slept: false,
            is_heir: false,
        };
        while !waiter.spin_and_yield() {
            waiter.sleep();
        }
        waiter.finish_waiting();
    }

    /// Called by an unlock that saw `parked`. Whoever turns it to 0 must wake one sleeper, which
    /// wakes the next by its own unlock.
    #[cold]
    fn wake_sleeper(&self) {
        if self.parked.swap(0, AcqRel) == 0 {
            return;
        }
        let heir_sleeps = self
            .heir
            .compare_exchange(ASLEEP, AWAKE, AcqRel, Relaxed)
            .is_ok();
        futex_wake(if heir_sleeps {
            &self.heir
        } else {
            &self.parked
        });
    }
}

/// One thread in [`Asymmetric::wait`].
struct Waiter<'a> {
    lock: &'a Asymmetric,
    yields: u32,
    slept: bool,
    is_heir: bool,
}

impl Waiter<'_> {
    /// Watches the sections, looks often, then yields between looks. Returns whether it entered.
    fn spin_and_yield(&mut self) -> bool {
        let before = self.lock.sections.load(Relaxed);
        spin_for(WATCH_TIME);
        if self.lock.sections.load(Relaxed).wrapping_sub(before) > 1 {
            spin_for(RETREAT_TIME);
        }
        for _ in 0..LOOKS_BEFORE_YIELD {
            if self.try_enter() {
                return true;
            }
            spin_loop();
            spin_loop();
        }
        for _ in 0..YIELDS_BEFORE_SLEEP {
            yield_now();
            if self.try_enter() {
                return true;
            }
            self.yields = self.yields.saturating_add(1);
            if !self.is_heir && self.yields >= YIELDS_BEFORE_HEIR {
                self.is_heir = self
                    .lock
                    .heir
                    .compare_exchange(NO_HEIR, AWAKE, AcqRel, Relaxed)
                    .is_ok();
            }
        }
        false
    }

    fn try_enter(&self) -> bool {
        let state = self.lock.state.load(Relaxed);
        (state == FREE || (self.is_heir && state == RESERVED))
            && self
                .lock
                .state
                .compare_exchange(state, HELD, Acquire, Relaxed)
                .is_ok()
    }

    /// Sleeps until an unlock wakes this thread; not at all if the lock came free meanwhile.
    fn sleep(&mut self) {
        if self.lock.state.load(Relaxed) != HELD {
            return;
        }
        let (word, asleep) = if self.is_heir {
            self.lock.heir.swap(ASLEEP, AcqRel);
            (&self.lock.heir, ASLEEP)
        } else {
            (&self.lock.parked, 1)
        };
        self.slept = true;
        self.lock.parked.swap(1, AcqRel);
        // From here on either the holder's unlock sees `parked`, or this thread sees the unlock.
        let ordered = heavy_barrier();
        if self.lock.state.load(Relaxed) == HELD {
            if ordered {
                futex_wait(word, asleep);
            } else {
                futex_wait_briefly(word, asleep);
            }
        }
    }

    /// This thread holds the lock now: it withdraws what it announced while it waited.
    fn finish_waiting(self) {
        if self.is_heir {
            self.lock.heir.swap(NO_HEIR, AcqRel);
        }
        if self.slept {
            // Whoever woke this thread cleared `parked`, but others may sleep still: the unlock of
            // this thread will wake the next.
            self.lock.parked.swap(1, AcqRel);
        }
    }
}

// SAFETY: a thread enters only by an exchange that writes HELD over FREE or RESERVED, which one
// thread at a time can do. No wakeup is lost: a sleeper stores `parked` before the heavy barrier
// and reads `state` after it, the unlock stores `state` before the light barrier and reads `parked`
// after it, so one of them sees the other. And the kernel puts the sleeper down only while its word
// still says so, that is, while a wake is owed. Whoever has slept enters with `parked` set and so
// passes the wake on. RESERVED is stored only while an heir waits, the heir resigns only as the
// holder, and no thread goes to sleep while the lock is RESERVED. The unlock reads `parked` when
// no thread holds the lock any more, so the lock must outlive every unlock, not only every critical
// section: borrowing sees to that in safe code, as lock_api's guards hold `&self`.
unsafe impl RawMutex for Asymmetric {
    const INIT: Self = Asymmetric {
        state: AtomicU32::new(FREE),
        sections: AtomicU32::new(0),
        parked: AtomicU32::new(0),
        heir: AtomicU32::new(NO_HEIR),
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
        // Only the holder writes it, so load and store need not be one operation.
        let sections = self.sections.load(Relaxed).wrapping_add(1);
        self.sections.store(sections, Relaxed);
        let free = if self.heir.load(Relaxed) == NO_HEIR {
            FREE
        } else {
            RESERVED
        };
        self.state.store(free, Release);
        light_barrier();
        if self.parked.load(Relaxed) != 0 {
            self.wake_sleeper();
        }
    }

    #[inline]
    fn is_locked(&self) -> bool {
        // Reserved for the heir it cannot be had either, and `try_lock` fails.
        self.state.load(Relaxed) != FREE
    }
}
