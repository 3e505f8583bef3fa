//! The race that the claims run: two threads, one flag, one counter that only the flag protects.
#![expect(unsafe_code, reason = "lock_api's raw unlock is a promise")]

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread::Builder;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use claim::NotMeasured;
use harness::clock::pin;
use lock_api::RawMutex;
use locks::TestAndSet;
use locks::not_atomic::NotAtomic;
use nix::sys::resource::{UsageWho, getrusage};

/// How a thread asks for the flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The pseudo-code as it stands: load, then store whatever was there.
    Literal,
    /// Load, then store only if it was clear.
    CheckThenSet,
    /// One swap: test-and-set.
    Swap,
}

/// Two threads that never met at the flag have shown nothing about it. A flag that nobody is ever refused at is no flag,
/// either: what is lost behind that one tells nothing about it.
pub fn contended(refused: u64) -> Result<()> {
    if refused > 0 {
        return Ok(());
    }
    Err(NotMeasured::new(
        "neither thread was ever refused: they took turns, and the flag was never contended",
        "try again on a quieter machine",
    )
    .into())
}

/// The flag in both forms, and the counter: a load, then a store, as a plain increment would be.
pub struct Course {
    broken: NotAtomic,
    sound: TestAndSet,
    counter: AtomicU64,
}

/// What became of a race, or of several together.
#[derive(Default)]
pub struct Outcome {
    /// Increments that the threads made, each behind the flag.
    pub entered: u64,
    /// What the counter says of them in the end.
    pub counted: u64,
    /// How often a thread was refused: without a refusal there was no contention, and nothing was shown.
    pub refused: u64,
    /// How often the thread that was preempted more seldom was preempted (involuntary context switches).
    pub preempted: u64,
    /// Races run.
    pub races: u64,
    /// Those of them that lost an increment.
    pub races_with_loss: u64,
    /// The flag stayed set with nobody inside: every thread would have waited for ever.
    pub lost_unlock: bool,
}

impl Outcome {
    /// A flag that is never given back lets each thread in once a race at most.
    pub const fn given_back(&self) -> bool {
        self.entered > 2 * self.races
    }

    /// Increments that are missing in the counter.
    pub const fn lost_updates(&self) -> u64 {
        self.entered.saturating_sub(self.counted)
    }
}

impl Course {
    /// A clear flag and a zero.
    pub const fn new() -> Self {
        Self {
            broken: NotAtomic::new(),
            sound: TestAndSet::INIT,
            counter: AtomicU64::new(0),
        }
    }

    /// What the counter says.
    pub fn counted(&self) -> u64 {
        self.counter.load(Relaxed)
    }

    /// Increments `times` times, each time behind the flag. Returns how often it was refused.
    pub fn run(&self, entry: Entry, times: u64) -> u64 {
        let mut refused = 0;
        for _ in 0..times {
            while self.test_and_set(entry) {
                refused += 1;
                std::hint::spin_loop();
            }
            self.increment_and_leave(entry);
        }
        refused
    }

    /// The old value of the flag; with `false` the caller is inside.
    fn test_and_set(&self, entry: Entry) -> bool {
        match entry {
            Entry::Literal => self.broken.literal_test_and_set(),
            Entry::CheckThenSet => self.broken.check_then_set(),
            Entry::Swap => !self.sound.try_lock(),
        }
    }

    fn increment_and_leave(&self, entry: Entry) {
        self.counter.store(self.counter.load(Relaxed) + 1, Relaxed);
        match entry {
            Entry::Literal | Entry::CheckThenSet => self.broken.clear(),
            // SAFETY: `test_and_set` said false to this thread, which has not left since.
            Entry::Swap => unsafe { self.sound.unlock() },
        }
    }
}

/// A thread in the race, as the watchdog sees it. Written by the thread with Release, so that who reads it sees what the
/// thread did to the flag before.
#[derive(Default)]
struct Seat {
    /// How often it was refused.
    refused: AtomicU64,
    /// How often it entered.
    entered: AtomicU64,
    /// How often it was preempted, once it is through.
    preempted: AtomicU64,
    done: AtomicBool,
}

impl Seat {
    /// (refused, entered), or None if it is done.
    fn look(&self) -> Option<(u64, u64)> {
        if self.done.load(Acquire) {
            return None;
        }
        Some((self.refused.load(Acquire), self.entered.load(Acquire)))
    }
}

/// Two threads, pinned to `cpus`, increment `times` times each. The calling thread is the watchdog that ends a race
/// in which nobody can win any more.
///
/// # Errors
/// A thread that cannot be created or pinned.
pub fn two_threads(entry: Entry, times: u64, cpus: [usize; 2]) -> Result<Outcome> {
    let course = Course::new();
    let seats = [Seat::default(), Seat::default()];
    let give_up = AtomicBool::new(false);
    let arrived = AtomicU64::new(0);
    let lost_unlock = std::thread::scope(|scope| -> Result<bool> {
        let mut runners = Vec::new();
        for (seat, cpu) in seats.iter().zip(cpus) {
            let (course, give_up, arrived) = (&course, &give_up, &arrived);
            let runner = move || {
                let pinned = pin(cpu).with_context(|| format!("sched_setaffinity CPU {cpu}"));
                arrived.fetch_add(1, Relaxed);
                while arrived.load(Relaxed) < 2 && !give_up.load(Relaxed) {
                    std::hint::spin_loop();
                }
                let before = preemptions()?;
                let mut refused = 0;
                for turn in 0..times {
                    while course.test_and_set(entry) {
                        refused += 1;
                        seat.refused.store(refused, Release);
                        if give_up.load(Relaxed) {
                            return pinned;
                        }
                    }
                    seat.entered.store(turn + 1, Release);
                    course.increment_and_leave(entry);
                }
                seat.preempted.store(preemptions()? - before, Release);
                seat.done.store(true, Release);
                pinned
            };
            let spawned = Builder::new().spawn_scoped(scope, runner);
            if spawned.is_err() {
                give_up.store(true, Relaxed); // the other one must not wait for it
            }
            runners.push(spawned.context("spawn a racing thread")?);
        }
        let lost = watch(&seats, || runners.iter().all(|runner| runner.is_finished()));
        give_up.store(true, Relaxed);
        for runner in runners {
            runner
                .join()
                .map_err(|_| anyhow::anyhow!("a racing thread panicked"))??;
        }
        Ok(lost)
    })?;
    let sum = |of: fn(&Seat) -> &AtomicU64| -> u64 {
        seats.iter().map(|seat| of(seat).load(Acquire)).sum()
    };
    let (entered, counted) = (sum(|seat| &seat.entered), course.counted());
    Ok(Outcome {
        entered,
        counted,
        races: 1,
        races_with_loss: u64::from(counted < entered),
        refused: sum(|seat| &seat.refused),
        preempted: seats
            .iter()
            .map(|seat| seat.preempted.load(Acquire))
            .min()
            .unwrap_or(0),
        lost_unlock,
    })
}

/// Involuntary context switches of this thread so far.
fn preemptions() -> Result<u64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).context("getrusage RUSAGE_THREAD")?;
    Ok(usage.involuntary_context_switches().unsigned_abs())
}

/// Returns true once it is certain that nobody will enter any more, false once `finished` says that all are through.
///
/// The seats are read one after the other, and who reads them may be preempted in between, so one pass in which both were
/// refused is not enough: the first may have entered while the second was looked at. Two passes are. A thread that was
/// refused in both and entered in neither was outside all the time between its last refusal of the first and its first
/// refusal of the second, as an entry is counted before the next refusal. So both were outside when the first pass
/// ended; both found the flag set in attempts begun later (of two refusals in a pass, the second was begun in it); and only
/// who is inside clears it.
fn watch(seats: &[Seat; 2], finished: impl Fn() -> bool) -> bool {
    let stuck = |seat: &Seat, then: Option<(u64, u64)>| match (then, seat.look()) {
        (None, None) => Some(true),
        (Some((refused, entered)), Some(now)) if now.1 == entered => Some(now.0 >= refused + 2),
        _ => None, // it entered or came through: look anew
    };
    let mut last_pass = None;
    while !finished() {
        let then = [seats[0].look(), seats[1].look()];
        let entered = then.map(|look| look.map(|(_, entered)| entered));
        loop {
            std::thread::yield_now();
            match [stuck(&seats[0], then[0]), stuck(&seats[1], then[1])] {
                [Some(true), Some(true)] if entered == [None, None] => return false,
                [Some(true), Some(true)] if last_pass == Some(entered) => return true,
                [Some(true), Some(true)] => {
                    last_pass = Some(entered);
                    break;
                }
                [Some(_), Some(_)] if !finished() => {}
                _ => {
                    last_pass = None;
                    break;
                }
            }
        }
    }
    false
}

/// Runs races until `enough` is content with what they came to together, or `limit` is over.
///
/// # Errors
/// Those of [`two_threads`].
pub fn until(
    enough: impl Fn(&Outcome) -> bool,
    limit: Duration,
    race: impl Fn() -> Result<Outcome>,
) -> Result<Outcome> {
    let start = Instant::now();
    let mut all = Outcome::default();
    loop {
        let one = race()?;
        all.entered += one.entered;
        all.counted += one.counted;
        all.refused += one.refused;
        all.preempted += one.preempted;
        all.races += one.races;
        all.races_with_loss += one.races_with_loss;
        all.lost_unlock |= one.lost_unlock;
        if enough(&all) || start.elapsed() > limit {
            return Ok(all);
        }
    }
}
