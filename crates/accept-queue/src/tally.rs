//! What each worker counts of its own work, in memory that the parent reads.
#![expect(unsafe_code, reason = "says that the tally may lie in shared memory")]

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};

use crate::shared::Shareable;

/// One worker's counts; the worker alone writes them. On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Tally {
    /// 1 once the worker is about to wait for its first connection.
    pub ready: AtomicU64,
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Returns to user space from a call that may sleep.
    pub returns: AtomicU64,
    /// Those returns before which the worker had slept.
    pub slept: AtomicU64,
    /// Those of `slept` that brought no connection.
    pub empty: AtomicU64,
    /// Calls of accept that failed with EAGAIN.
    pub again: AtomicU64,
    /// When the worker last came back from a call that may sleep, CLOCK_MONOTONIC, ns.
    pub returned_at: AtomicU64,
    /// When it last took a connection, CLOCK_MONOTONIC, ns.
    pub accepted_at: AtomicU64,
    /// When it was last done with one, CLOCK_MONOTONIC, ns.
    pub served_at: AtomicU64,
}

// SAFETY: nothing but atomics, for which all bytes zero is the number 0.
unsafe impl Shareable for Tally {}

/// What a worker is asked to note while it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing: the worker as it would run without a meter.
    Nothing,
    /// Counts.
    Counts,
    /// Counts and times.
    Times,
}

/// A worker's side of its tally, and what it does with a connection.
pub struct Turn<'a> {
    tally: &'a Tally,
    detail: Detail,
    serve: &'a mut dyn FnMut(OwnedFd),
    switches: i64,
    unserved: bool,
}

impl<'a> Turn<'a> {
    /// Notes into `tally`, hands connections to `serve`.
    pub fn new(tally: &'a Tally, detail: Detail, serve: &'a mut dyn FnMut(OwnedFd)) -> Self {
        let switches = voluntary_switches();
        Turn {
            tally,
            detail,
            serve,
            switches,
            unserved: false,
        }
    }

    /// To be called before the first wait.
    pub fn ready(&self) {
        self.tally.ready.store(1, Relaxed);
    }

    /// To be called after each return from a call that may sleep.
    pub fn returned(&mut self) {
        if self.detail == Detail::Nothing {
            return;
        }
        let switches = voluntary_switches();
        let slept = switches != self.switches;
        self.switches = switches;
        add(&self.tally.returns);
        if slept {
            add(&self.tally.slept);
            // Booked as empty at once, so that the tally is right whenever the parent looks.
            add(&self.tally.empty);
            self.unserved = true;
        }
        if self.detail == Detail::Times {
            self.tally.returned_at.store(now_ns(), Relaxed);
        }
    }

    /// To be called with each connection that accept returned.
    pub fn accepted(&mut self, connection: OwnedFd) {
        if self.detail != Detail::Nothing {
            add(&self.tally.accepted);
            if std::mem::take(&mut self.unserved) {
                let empty = self.tally.empty.load(Relaxed);
                self.tally.empty.store(empty.saturating_sub(1), Relaxed);
            }
            if self.detail == Detail::Times {
                self.tally.accepted_at.store(now_ns(), Relaxed);
            }
        }
        (self.serve)(connection);
        if self.detail == Detail::Times {
            self.tally.served_at.store(now_ns(), Relaxed);
        }
    }

    /// To be called where accept found no connection.
    pub fn again(&mut self) {
        if self.detail != Detail::Nothing {
            add(&self.tally.again);
        }
    }
}

/// The worker is the only writer: no read-modify-write is needed.
fn add(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

/// Times that this thread has slept (getrusage(2), `ru_nvcsw`).
fn voluntary_switches() -> i64 {
    getrusage(UsageWho::RUSAGE_THREAD).map_or(0, |usage| usage.voluntary_context_switches())
}

/// CLOCK_MONOTONIC in nanoseconds, the same for all processes.
pub fn now_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| {
        u64::try_from(std::time::Duration::from(time).as_nanos()).unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_after_a_sleep_is_empty_until_a_connection_comes() {
        let tally = Tally::default();
        let mut served = 0;
        let mut serve = |_| served += 1;
        let mut turn = Turn::new(&tally, Detail::Counts, &mut serve);
        turn.switches -= 1; // as if it had slept
        turn.returned();
        assert_eq!(
            (tally.slept.load(Relaxed), tally.empty.load(Relaxed)),
            (1, 1)
        );
        turn.accepted(std::fs::File::open("/dev/null").unwrap().into());
        assert_eq!(
            (tally.accepted.load(Relaxed), tally.empty.load(Relaxed)),
            (1, 0)
        );
        turn.again();
        assert_eq!(tally.again.load(Relaxed), 1);
        assert_eq!(served, 1);
    }

    #[test]
    fn unmetered_means_unmetered() {
        let tally = Tally::default();
        let mut serve = drop;
        let mut turn = Turn::new(&tally, Detail::Nothing, &mut serve);
        turn.returned();
        turn.again();
        assert_eq!(
            (tally.returns.load(Relaxed), tally.again.load(Relaxed)),
            (0, 0)
        );
    }
}
