//! The machine that loom explores: what `src/platform.rs` gives the locks, in loom's terms.
//!
//! The including module says how good the machine is: [`RELEASES`] (a Release store is one),
//! [`LIGHT_BARRIER`] (that side of the asymmetric fences orders anything) and [`HEAVY`] (what
//! becomes of the other side). So a known-bad variant of a lock is the very same source on a worse
//! machine.
//!
//! loom's constructors are not const, but `RawMutex::INIT` is. Each atomic is therefore created at
//! its first use, which must come from the thread that made the lock: the models lock and unlock
//! once before they spawn.
#![expect(unsafe_code, reason = "a pointer in an atomic is Send and Sync")]

use super::{HEAVY, LIGHT_BARRIER, RELEASES};
use crate::Heavy;
pub(crate) use crate::waited as yield_now;
pub(crate) use crate::waited as spin_loop;
pub(crate) use loom::sync::atomic::Ordering;
use loom::sync::{Condvar, Mutex, atomic, atomic::fence};
use std::{sync::OnceLock, time::Duration};

/// One try of each kind shows all orders there are; more only multiply the executions.
pub(crate) const LOOKS_BEFORE_SLEEP: u32 = 1;
pub(crate) const LOOKS_BEFORE_YIELD: u32 = 1;
pub(crate) const YIELDS_BEFORE_SLEEP: u32 = 1;
pub(crate) const YIELDS_BEFORE_HEIR: u32 = 1;

/// The ordering as this machine understands it.
fn understood(ordering: Ordering) -> Ordering {
    match ordering {
        Ordering::Release if !RELEASES => Ordering::Relaxed,
        Ordering::AcqRel if !RELEASES => Ordering::Acquire,
        ordering => ordering,
    }
}

/// Defines an atomic with a const constructor over loom's.
macro_rules! atomic {
    ($(#[$doc:meta])* $name:ident$(<$generic:ident>)?, $value:ty) => {
        #[derive(Debug)]
        pub(crate) struct $name$(<$generic>)? {
            initial: $value,
            cell: OnceLock<atomic::$name$(<$generic>)?>,
            /// Where the kernel queues the sleepers of this word; it counts those whose sleep has a
            /// limit.
            queue: OnceLock<(Mutex<u32>, Condvar)>,
        }

        #[allow(dead_code, reason = "not every lock uses every operation")]
        impl$(<$generic>)? $name$(<$generic>)? {
            pub(crate) const fn new(initial: $value) -> Self {
                Self { initial, cell: OnceLock::new(), queue: OnceLock::new() }
            }
            fn cell(&self) -> &atomic::$name$(<$generic>)? {
                self.cell.get_or_init(|| atomic::$name::new(self.initial))
            }
            pub(crate) fn load(&self, ordering: Ordering) -> $value {
                self.cell().load(ordering)
            }
            pub(crate) fn compare_exchange(
                &self, old: $value, new: $value, success: Ordering, failure: Ordering,
            ) -> Result<$value, $value> {
                self.cell().compare_exchange(old, new, understood(success), failure)
            }
        }
    };
}

atomic!(AtomicBool, bool);
atomic!(AtomicU32, u32);
atomic!(AtomicPtr<T>, *mut T);

// SAFETY: as core's AtomicPtr: the pointer is a value here, whoever follows it argues for itself.
unsafe impl<T> Send for AtomicPtr<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for AtomicPtr<T> {}

impl AtomicBool {
    /// An exchange whose old value nobody looks at. An exchange writes right after the write that
    /// it read, so when a waiter has swapped `true` for the holder's `true`, the holder's `false`
    /// comes later than both. loom 0.7 leaves the order of the two writes open if one of them is a
    /// store, and would find a `true` after everybody has left.
    pub(crate) fn store(&self, value: bool, ordering: Ordering) {
        self.cell().swap(value, understood(ordering));
    }

    pub(crate) fn swap(&self, value: bool, ordering: Ordering) -> bool {
        self.cell().swap(value, understood(ordering))
    }
}

#[allow(dead_code, reason = "not every lock uses every operation")]
impl AtomicU32 {
    pub(crate) fn store(&self, value: u32, ordering: Ordering) {
        self.cell().store(value, understood(ordering));
    }

    pub(crate) fn swap(&self, value: u32, ordering: Ordering) -> u32 {
        self.cell().swap(value, understood(ordering))
    }

    pub(crate) fn fetch_add(&self, value: u32, ordering: Ordering) -> u32 {
        self.cell().fetch_add(value, understood(ordering))
    }

    fn queue(&self) -> &(Mutex<u32>, Condvar) {
        self.queue.get_or_init(|| (Mutex::new(0), Condvar::new()))
    }
}

#[allow(dead_code, reason = "not every lock uses every operation")]
impl<T> AtomicPtr<T> {
    pub(crate) fn store(&self, value: *mut T, ordering: Ordering) {
        self.cell().store(value, understood(ordering));
    }

    pub(crate) fn swap(&self, value: *mut T, ordering: Ordering) -> *mut T {
        self.cell().swap(value, understood(ordering))
    }
}

/// futex(2), FUTEX_WAIT: the word is compared under the lock of the queue.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32) {
    let (bucket, sleepers) = word.queue();
    if let Ok(held) = bucket.lock()
        && word.load(Ordering::Relaxed) == expected
    {
        drop(sleepers.wait(held));
    }
}

/// Spinning takes time, and loom knows none.
pub(crate) fn spin_for(_time: Duration) {}
pub(crate) const WATCH_TIME: Duration = Duration::ZERO;
pub(crate) const RETREAT_TIME: Duration = Duration::ZERO;

/// As [`futex_wait`], but it ends by itself. loom knows no time: a turn of the others is as long as
/// any.
pub(crate) fn futex_wait_briefly(word: &AtomicU32, expected: u32) {
    let (bucket, _) = word.queue();
    let Ok(mut brief) = bucket.lock() else { return };
    if word.load(Ordering::Relaxed) != expected {
        return;
    }
    *brief += 1;
    drop(brief);
    yield_now();
    if let Ok(mut brief) = bucket.lock() {
        *brief = brief.saturating_sub(1); // woken, it is not in the queue any more
    }
}

/// futex(2), FUTEX_WAKE for one sleeper: one whose sleep would have ended by itself, if there is
/// one, because that is the wake that the others can least afford to lose.
pub(crate) fn futex_wake(word: &AtomicU32) {
    let (bucket, sleepers) = word.queue();
    let Ok(mut brief) = bucket.lock() else { return };
    match brief.checked_sub(1) {
        Some(fewer) => *brief = fewer,
        None => {
            drop(brief);
            sleepers.notify_one();
        }
    }
}

pub(crate) fn light_barrier() {
    if LIGHT_BARRIER {
        fence(Ordering::SeqCst);
    }
}

pub(crate) fn heavy_barrier() -> bool {
    let orders = match HEAVY {
        Heavy::Orders => true,
        Heavy::Silent => return true,
        Heavy::Refused => false,
        Heavy::RefusedFirst => crate::second_barrier(),
    };
    if orders {
        fence(Ordering::SeqCst);
    }
    orders
}
