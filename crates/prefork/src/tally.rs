//! What each worker counts of its own work, in memory that the parent reads.
#![expect(unsafe_code, reason = "says that the tally may lie in shared memory")]

use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

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

/// What the parent tells its workers; it alone writes it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Round {
    /// Moments so far at which every worker was seen asleep.
    pub asleep: AtomicU64,
    /// 1 while the workers are to note nothing.
    pub silent: AtomicU64,
}

// SAFETY: as for Tally.
unsafe impl Shareable for Round {}

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
///
/// Whether it slept before a return is known without asking where the parent has seen it asleep since
/// the last one. Otherwise getrusage(2) is asked, before and after; that is a system call, 4 % of what
/// a connection costs, so one that never returns twice in a round is spared it. The price: the first
/// second return of a worker that had a connection at the first counts as one after a sleep.
pub struct Turn<'a> {
    tally: &'a Tally,
    round: &'a Round,
    detail: Detail,
    serve: &'a mut dyn FnMut(OwnedFd),
    /// The round of the last return.
    seen: u64,
    /// Times that this process had slept at its last return, where it was asked.
    switches: Option<i64>,
    /// It has returned twice in a round, so it is asked each time.
    twice: bool,
    unserved: bool,
}

impl<'a> Turn<'a> {
    /// Notes into `tally`, hands connections to `serve`.
    pub fn new(
        tally: &'a Tally,
        round: &'a Round,
        detail: Detail,
        serve: &'a mut dyn FnMut(OwnedFd),
    ) -> Self {
        Turn {
            tally,
            round,
            detail,
            serve,
            seen: round.asleep.load(Relaxed),
            switches: Some(voluntary_switches()),
            twice: false,
            unserved: false,
        }
    }

    /// To be called before the first wait.
    pub fn ready(&self) {
        self.tally.ready.store(1, Relaxed);
    }

    /// To be called after each return from a call that may sleep.
    pub fn returned(&mut self) {
        if !self.notes() {
            return;
        }
        add(&self.tally.returns);
        if self.slept() {
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
        let notes = self.notes();
        if notes {
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
        if notes && self.detail == Detail::Times {
            self.tally.served_at.store(now_ns(), Relaxed);
        }
    }

    /// To be called where accept found no connection.
    pub fn again(&mut self) {
        if self.notes() {
            add(&self.tally.again);
            // It is about to wait again, in the same round.
            self.switches = Some(voluntary_switches());
        }
    }

    fn notes(&self) -> bool {
        self.detail != Detail::Nothing && self.round.silent.load(Relaxed) == 0
    }

    /// Whether it slept between its last return and this one.
    fn slept(&mut self) -> bool {
        let round = self.round.asleep.load(Relaxed);
        if round != std::mem::replace(&mut self.seen, round) {
            self.switches = self.twice.then(voluntary_switches);
            return true;
        }
        let now = voluntary_switches();
        let before = self.switches.replace(now);
        self.twice = true;
        before != Some(now)
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

    fn read(counter: &AtomicU64) -> u64 {
        counter.load(Relaxed)
    }

    #[test]
    fn a_return_after_a_sleep_is_empty_until_a_connection_comes() {
        let (tally, round) = (Tally::default(), Round::default());
        let mut served = 0;
        let mut serve = |_| served += 1;
        let mut turn = Turn::new(&tally, &round, Detail::Counts, &mut serve);
        round.asleep.store(1, Relaxed);
        turn.returned();
        assert_eq!((read(&tally.slept), read(&tally.empty)), (1, 1));
        turn.accepted(std::fs::File::open("/dev/null").unwrap().into());
        assert_eq!((read(&tally.accepted), read(&tally.empty)), (1, 0));
        turn.again();
        assert_eq!(read(&tally.again), 1);
        assert_eq!(served, 1);
    }

    #[test]
    fn a_second_return_in_a_round_is_asked_for() {
        let (tally, round) = (Tally::default(), Round::default());
        let mut serve = drop;
        let mut turn = Turn::new(&tally, &round, Detail::Counts, &mut serve);
        round.asleep.store(1, Relaxed);
        turn.returned();
        turn.again();
        let asked = turn.switches;
        assert!(asked.is_some());
        turn.switches = Some(-1); // as if it had slept since
        turn.returned();
        assert_eq!((read(&tally.returns), read(&tally.slept)), (2, 2));
        assert!(turn.twice);
        round.asleep.store(2, Relaxed);
        turn.returned();
        assert!(
            turn.switches.is_some(),
            "one that returned twice is always asked"
        );
    }

    #[test]
    fn unmetered_means_unmetered() {
        let (tally, round) = (Tally::default(), Round::default());
        let (mut unmetered, mut serve) = (drop, drop);
        let mut turn = Turn::new(&tally, &round, Detail::Nothing, &mut unmetered);
        turn.returned();
        turn.again();
        assert_eq!((read(&tally.returns), read(&tally.again)), (0, 0));
        let mut turn = Turn::new(&tally, &round, Detail::Counts, &mut serve);
        turn.returned();
        assert_eq!(read(&tally.returns), 1);
        round.silent.store(1, Relaxed);
        turn.returned();
        turn.again();
        turn.accepted(std::fs::File::open("/dev/null").unwrap().into());
        assert_eq!((read(&tally.returns), read(&tally.again)), (1, 0));
        assert_eq!(read(&tally.accepted), 0);
    }
}
