//! All that the locks need of the machine: atomics, a pause, and (with `std`) a clock,
//! sched_yield(2), futex(2) and the asymmetric fences; and how often a waiter tries each.
//!
//! The loom models replace this one file: see `tests/loom/platform.rs`.

pub(crate) use core::hint::spin_loop;
pub(crate) use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

#[cfg(feature = "std")]
pub(crate) use super::fences::{heavy_barrier, light_barrier};
#[cfg(feature = "std")]
pub(crate) use super::system_calls::{futex_wait, futex_wait_briefly, futex_wake};
#[cfg(feature = "std")]
pub(crate) use std::thread::yield_now;
#[cfg(feature = "std")]
use std::time::{Duration, Instant};

/// How often a newcomer to [`Futex`](super::Futex) looks at the lock before it sleeps: a short
/// section ends sooner than a sleep begins.
#[cfg(feature = "std")]
pub(crate) const LOOKS_BEFORE_SLEEP: u32 = 40;

/// How long a waiter of [`Asymmetric`](super::Asymmetric) watches whether sections go by. This time
/// and the next are in nanoseconds, not in PAUSE instructions, because those last from 4 to 50 ns.
#[cfg(feature = "std")]
pub(crate) const WATCH_TIME: Duration = Duration::from_nanos(120);
/// How long it leaves the cache line alone if they do.
#[cfg(feature = "std")]
pub(crate) const RETREAT_TIME: Duration = Duration::from_nanos(1300);
/// How often it looks at the lock then, before its first yield.
#[cfg(feature = "std")]
pub(crate) const LOOKS_BEFORE_YIELD: u32 = 40;
/// How often it yields before it sleeps.
#[cfg(feature = "std")]
pub(crate) const YIELDS_BEFORE_SLEEP: u32 = 300;
/// After how many yields it becomes the heir.
#[cfg(feature = "std")]
pub(crate) const YIELDS_BEFORE_HEIR: u32 = 200;

/// Spins for `time` without touching the lock.
#[cfg(feature = "std")]
pub(crate) fn spin_for(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        spin_loop();
    }
}
