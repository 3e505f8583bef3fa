//! The race that the claims run: two threads, one flag, one counter that only the flag protects.

mod course;
mod two_threads;
mod watchdog;

use std::time::{Duration, Instant};

use anyhow::Result;
use claim::NotMeasured;

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
}

impl Outcome {
    /// A flag that is never given back lets each thread in once a race at most.
    pub const fn was_given_back(&self) -> bool {
        self.entered > 2 * self.races
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
    }
}

/// Two threads that never met at the flag have shown nothing about it. A flag at which no thread is
/// ever refused is no flag either: what is lost behind it says nothing about one that works.
///
/// # Errors
/// [`NotMeasured`] where no thread was ever refused.
pub fn ensure_contended(refused: u64) -> Result<()> {
    if refused > 0 {
        return Ok(());
    }
    NotMeasured::err(
        "neither thread was ever refused: they took turns, and the flag was never contended",
        "try again on a quieter machine",
    )
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
