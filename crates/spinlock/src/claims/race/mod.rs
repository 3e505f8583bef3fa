//! The race that the claims run: two threads, one flag, one counter that only the flag protects.

mod course;
mod two_threads;
mod watchdog;

use std::time::{Duration, Instant};

use anyhow::Result;

pub use course::{Course, Entry};
pub use two_threads::two_threads;

/// What became of a race, or of several together.
#[derive(Default)]
pub struct Outcome {
    /// Increments that the threads made, each behind the flag.
    pub entered: u64,
    /// What the counter says of them in the end.
    pub counted: u64,
    /// How often a thread was refused: without a refusal there was no contention, and nothing was
    /// shown.
    pub refused: u64,
    /// How often the thread that was preempted more seldom was preempted (involuntary context
    /// switches).
    pub preempted: u64,
    /// Races run.
    pub races: u64,
    /// Those of them that lost an increment.
    pub races_with_loss: u64,
    /// The flag stayed set with no thread inside: every thread would have waited for ever.
    pub lost_unlock: bool,
    /// How often a thread that was inside saw the other one inside as well.
    pub met: u64,
    /// Races whose threads had two thread ids.
    pub races_of_two: u64,
    /// Races whose threads ended on the CPUs that they were pinned to.
    pub races_in_place: u64,
    /// Races whose threads ended on one and the same CPU.
    pub races_on_one_cpu: u64,
    /// Races in which whoever came in went through the broken flag.
    pub races_at_broken_flag: u64,
}

impl Outcome {
    /// A flag that is never given back lets each thread in once a race at most.
    pub const fn was_given_back(&self) -> bool {
        self.entered > 2 * self.races
    }

    /// Whether every race was one of two threads.
    pub const fn is_of_two(&self) -> bool {
        self.races > 0 && self.races_of_two == self.races
    }

    /// Whether every thread ended on its CPU.
    pub const fn is_in_place(&self) -> bool {
        self.races > 0 && self.races_in_place == self.races
    }

    /// Whether the threads of every race ended on one and the same CPU.
    pub const fn is_on_one_cpu(&self) -> bool {
        self.races > 0 && self.races_on_one_cpu == self.races
    }

    /// Whether the pins had their effect: where getcpu(2) tells pins, the threads ended on their
    /// CPUs; elsewhere they were where they met each other at the flag.
    pub const fn is_pinned(&self, told_by_getcpu: bool) -> bool {
        if told_by_getcpu {
            self.is_in_place()
        } else {
            self.races > 0 && self.refused > 0
        }
    }

    /// Whether every race was for the broken flag.
    pub const fn is_at_broken_flag(&self) -> bool {
        self.races > 0 && self.races_at_broken_flag == self.races
    }

    /// Increments that are missing in the counter.
    pub const fn lost_updates(&self) -> u64 {
        self.entered.saturating_sub(self.counted)
    }

    fn add(&mut self, race: &Outcome) {
        self.entered += race.entered;
        self.counted += race.counted;
        self.refused += race.refused;
        self.preempted += race.preempted;
        self.races += race.races;
        self.races_with_loss += race.races_with_loss;
        self.lost_unlock |= race.lost_unlock;
        self.met += race.met;
        self.races_of_two += race.races_of_two;
        self.races_in_place += race.races_in_place;
        self.races_on_one_cpu += race.races_on_one_cpu;
        self.races_at_broken_flag += race.races_at_broken_flag;
    }
}

/// Runs races until `enough` is content with their sum, or `limit` is over.
///
/// # Errors
/// Those of [`two_threads`].
pub fn repeat_until(
    enough: impl Fn(&Outcome) -> bool,
    limit: Duration,
    race: impl Fn() -> Result<Outcome>,
) -> Result<Outcome> {
    let start = Instant::now();
    let mut all = Outcome::default();
    loop {
        all.add(&race()?);
        if enough(&all) || start.elapsed() > limit {
            return Ok(all);
        }
    }
}
