//! What each worker counts of its own work, in memory that the parent reads.
#![expect(unsafe_code, reason = "says that the tally may lie in shared memory")]

use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use locks::{Shareable, Shared};
use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};

use crate::error::Error;
use crate::gate::Gate;

/// One worker's counts; the worker alone writes them. Each tally has its own cache lines. It may
/// lie in memory that the parent and all workers share.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Tally {
    /// 1 once the worker is about to wait for its first connection.
    pub ready: AtomicU64,
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Connections served to their end.
    pub served: AtomicU64,
    /// Returns to user space from a call that may sleep.
    pub returns: AtomicU64,
    /// Returns before which the worker had slept.
    pub slept: AtomicU64,
    /// Returns after a sleep that brought no connection.
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

// SAFETY: it holds nothing but atomic numbers, which keep their meaning in every process.
unsafe impl Shareable for Tally {}

impl Tally {
    /// A tally for each of `workers` workers, in a mapping that this process shares with the
    /// children that it forks from now on.
    ///
    /// # Errors
    /// [`ErrorKind::System`](crate::ErrorKind::System): ENOMEM of mmap(2); EINVAL for no workers.
    pub fn shared(workers: usize) -> Result<Shared<[Tally]>, Error> {
        Shared::from_fn(workers, |_| Tally::default()).map_err(|error| Error::from_call(&error))
    }
}

/// What the parent has to say to its workers; it alone writes it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Round {
    /// Number of times so far that every worker was seen asleep.
    pub asleep: AtomicU64,
    /// 1 while the workers should note nothing.
    pub silent: AtomicU64,
    /// Where a worker that has returned waits before it accepts, while the parent has closed it.
    pub gate: Gate,
}

// SAFETY: as for Tally; the gate is a number, too, and the futex on it not a private one.
unsafe impl Shareable for Round {}

impl Round {
    /// A round in a mapping as that of [`Tally::shared`].
    ///
    /// # Errors
    /// [`ErrorKind::System`](crate::ErrorKind::System): ENOMEM of mmap(2).
    pub fn shared() -> Result<Shared<Round>, Error> {
        Shared::new(Round::default()).map_err(|error| Error::from_call(&error))
    }
}

/// What a worker notes while it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metering {
    /// Nothing: the worker runs as it would without a meter.
    Nothing,
    /// Counts.
    Counts,
    /// Counts and times.
    Times,
}

/// A worker's side of its tally, and what it does with a connection.
///
/// Where the parent has seen a worker asleep since its last return, the worker knows without a
/// system call that it has slept. Otherwise it asks getrusage(2) before the wait and after it. That
/// is 4 % of what a connection costs, so a worker that never returns twice in a round is spared it.
/// The price: a worker's first repeat in a round counts as "after a sleep".
pub struct Turn<'a> {
    tally: &'a Tally,
    round: &'a Round,
    metering: Metering,
    serve: &'a mut dyn FnMut(OwnedFd),
    /// The round of the last return.
    last_round: u64,
    /// How often this thread had slept at its last return, where that was asked.
    switches: Option<i64>,
    /// The worker has returned twice in a round: from then on each return asks getrusage(2).
    repeats: bool,
    /// The last return is booked in `Tally::empty`, and no connection has come since.
    booked_empty: bool,
}

impl<'a> Turn<'a> {
    /// Notes into `tally` what `metering` says, and hands connections to `serve`.
    pub fn new(
        tally: &'a Tally,
        round: &'a Round,
        metering: Metering,
        serve: &'a mut dyn FnMut(OwnedFd),
    ) -> Self {
        Turn {
            tally,
            round,
            metering,
            serve,
            last_round: round.asleep.load(Relaxed),
            switches: Some(voluntary_switches()),
            repeats: false,
            booked_empty: false,
        }
    }

    /// To be called before the first wait.
    pub fn note_ready(&self) {
        self.tally.ready.store(1, Relaxed);
    }

    /// To be called after each return from a call that may sleep.
    pub fn note_return(&mut self) {
        if !self.is_metered() {
            return;
        }
        increment(&self.tally.returns);
        if self.has_slept() {
            increment(&self.tally.slept);
            // Booked as empty at once, so that the tally is right whenever the parent looks.
            increment(&self.tally.empty);
            self.booked_empty = true;
        }
        if self.metering == Metering::Times {
            self.tally.returned_at.store(now_ns(), Relaxed);
        }
        self.round.gate.pass();
    }

    /// To be called with each connection that accept returned: notes it, and serves it.
    pub fn serve(&mut self, connection: OwnedFd) {
        let is_metered = self.is_metered();
        if is_metered {
            increment(&self.tally.accepted);
            if std::mem::take(&mut self.booked_empty) {
                let empty = self.tally.empty.load(Relaxed);
                self.tally.empty.store(empty.saturating_sub(1), Relaxed);
            }
            if self.metering == Metering::Times {
                self.tally.accepted_at.store(now_ns(), Relaxed);
            }
        }
        (self.serve)(connection);
        if is_metered {
            increment(&self.tally.served);
            if self.metering == Metering::Times {
                self.tally.served_at.store(now_ns(), Relaxed);
            }
        }
    }

    /// To be called where accept found no connection (EAGAIN).
    pub fn note_eagain(&mut self) {
        if self.is_metered() {
            increment(&self.tally.again);
            // The worker will wait again in the same round.
            self.switches = Some(voluntary_switches());
        }
    }

    fn is_metered(&self) -> bool {
        self.metering != Metering::Nothing && self.round.silent.load(Relaxed) == 0
    }

    /// Whether the worker slept between its last return and this one.
    fn has_slept(&mut self) -> bool {
        let round = self.round.asleep.load(Relaxed);
        if round != std::mem::replace(&mut self.last_round, round) {
            self.switches = self.repeats.then(voluntary_switches);
            return true;
        }
        let now = voluntary_switches();
        let before = self.switches.replace(now);
        self.repeats = true;
        before != Some(now)
    }
}

/// Adds 1. The worker is the only writer, so no read-modify-write instruction is needed.
fn increment(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

/// How often this thread has slept (getrusage(2), `ru_nvcsw`).
fn voluntary_switches() -> i64 {
    getrusage(UsageWho::RUSAGE_THREAD).map_or(0, |usage| usage.voluntary_context_switches())
}

/// CLOCK_MONOTONIC in nanoseconds (clock_gettime(2)), the same for all processes.
#[must_use]
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
        let mut turn = Turn::new(&tally, &round, Metering::Counts, &mut serve);
        round.asleep.store(1, Relaxed);
        turn.note_return();
        assert_eq!((read(&tally.slept), read(&tally.empty)), (1, 1));
        turn.serve(std::fs::File::open("/dev/null").unwrap().into());
        assert_eq!((read(&tally.accepted), read(&tally.empty)), (1, 0));
        assert_eq!(read(&tally.served), 1);
        turn.note_eagain();
        assert_eq!(read(&tally.again), 1);
        assert_eq!(served, 1);
    }

    #[test]
    fn a_second_return_in_a_round_asks_getrusage() {
        let (tally, round) = (Tally::default(), Round::default());
        let mut serve = drop;
        let mut turn = Turn::new(&tally, &round, Metering::Counts, &mut serve);
        round.asleep.store(1, Relaxed);
        turn.note_return();
        turn.note_eagain();
        assert!(turn.switches.is_some());
        turn.switches = Some(-1); // as if it had slept since
        turn.note_return();
        assert_eq!((read(&tally.returns), read(&tally.slept)), (2, 2));
        assert!(turn.repeats);
        round.asleep.store(2, Relaxed);
        turn.note_return();
        assert!(
            turn.switches.is_some(),
            "a worker that returned twice asks each time"
        );
    }

    #[test]
    fn a_worker_waits_at_the_gate_once_it_has_noted_its_return() {
        let (tally, round) = (Tally::default(), Round::default());
        round.gate.close();
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let mut serve = drop;
                let mut turn = Turn::new(&tally, &round, Metering::Counts, &mut serve);
                turn.note_return();
                turn.note_eagain();
            });
            while read(&tally.returns) == 0 {
                std::thread::yield_now();
            }
            assert!(!worker.is_finished() && read(&tally.again) == 0);
            round.gate.open();
        });
        assert_eq!(read(&tally.again), 1);
    }

    #[test]
    fn unmetered_means_unmetered() {
        let (tally, round) = (Tally::default(), Round::default());
        let (mut unmetered, mut serve) = (drop, drop);
        let mut turn = Turn::new(&tally, &round, Metering::Nothing, &mut unmetered);
        turn.note_return();
        turn.note_eagain();
        assert_eq!((read(&tally.returns), read(&tally.again)), (0, 0));
        let mut turn = Turn::new(&tally, &round, Metering::Counts, &mut serve);
        turn.note_return();
        assert_eq!(read(&tally.returns), 1);
        round.silent.store(1, Relaxed);
        turn.note_return();
        turn.note_eagain();
        turn.serve(std::fs::File::open("/dev/null").unwrap().into());
        assert_eq!((read(&tally.returns), read(&tally.again)), (1, 0));
        assert_eq!(read(&tally.accepted), 0);
    }
}
