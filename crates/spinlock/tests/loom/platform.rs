//! The machine that loom explores: what `src/locks/platform.rs` gives the locks, in loom's terms.
//!
//! The including module says how good the machine is: [`RELEASES`] (a Release store is one) and
//! [`LIGHT_BARRIER`] and [`HEAVY_BARRIER`] (that side of the asymmetric fences orders anything). So a known-bad variant of a lock is the very same
//! source on a worse machine.
//!
//! loom's constructors are not const, but `RawMutex::INIT` is. Each atomic is therefore created at its first use,
//! which must come from the thread that made the lock: the models lock and unlock once before they spawn.
#![expect(unsafe_code, reason = "a pointer in an atomic is Send and Sync")]

use super::{HEAVY_BARRIER, LIGHT_BARRIER, RELEASES};
pub(crate) use crate::waited as yield_now;
pub(crate) use crate::waited as spin_loop;
pub(crate) use loom::sync::atomic::Ordering;
use loom::sync::{Condvar, Mutex, atomic, atomic::fence};
use std::{sync::OnceLock, time::Duration};

/// One try of each kind shows all orders there are; more only multiply the executions.
pub(crate) const LOOKS: u32 = 1;
pub(crate) const LOOKS_CLOSELY: u32 = 1;
pub(crate) const YIELDS: u32 = 1;
pub(crate) const PATIENCE: u32 = 1;

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
            /// Where the kernel queues the sleepers of this word.
            queue: OnceLock<(Mutex<()>, Condvar)>,
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
            pub(crate) fn store(&self, value: $value, ordering: Ordering) {
                self.cell().store(value, understood(ordering));
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
    /// Swapping `true` for `true` changes nothing, but to loom each is a store that makes a new state, and a spin on
    /// it never ends. So a swap of `true` is the exchange that fails where nothing would change.
    pub(crate) fn swap(&self, value: bool, ordering: Ordering) -> bool {
        assert!(value, "the locks only ever swap `true` in");
        self.compare_exchange(false, true, ordering, Ordering::Relaxed)
            .is_err()
    }
}

#[allow(dead_code, reason = "not every lock uses every operation")]
impl AtomicU32 {
    pub(crate) fn swap(&self, value: u32, ordering: Ordering) -> u32 {
        self.cell().swap(value, understood(ordering))
    }

    pub(crate) fn fetch_add(&self, value: u32, ordering: Ordering) -> u32 {
        self.cell().fetch_add(value, understood(ordering))
    }

    fn queue(&self) -> &(Mutex<()>, Condvar) {
        self.queue.get_or_init(|| (Mutex::new(()), Condvar::new()))
    }
}

#[allow(dead_code, reason = "not every lock uses every operation")]
impl<T> AtomicPtr<T> {
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

/// Staying away takes time, and loom knows none.
pub(crate) fn stay_away(_time: Duration) {}
pub(crate) const GLANCE: Duration = Duration::ZERO;
pub(crate) const AWAY: Duration = Duration::ZERO;

/// A sleep with a limit is no sleep to loom, which knows no time.
pub(crate) fn futex_wait_briefly(_word: &AtomicU32, _expected: u32) {
    yield_now();
}

/// futex(2), FUTEX_WAKE for one sleeper.
pub(crate) fn futex_wake(word: &AtomicU32) {
    let (bucket, sleepers) = word.queue();
    drop(bucket.lock());
    sleepers.notify_one();
}

pub(crate) fn light_barrier() {
    if LIGHT_BARRIER {
        fence(Ordering::SeqCst);
    }
}

pub(crate) fn heavy_barrier() -> bool {
    if HEAVY_BARRIER {
        fence(Ordering::SeqCst);
    }
    true
}
