//! The broken test-and-set passes its tests on one CPU.

use std::time::Duration;

use anyhow::Result;
use claim::{Arm, Claim, Prediction, Quantity, Reading};

use super::{
    race::{Entry, two_threads, until},
    two_cpus,
};

const LOST: &str = "increments lost by check-then-set";
/// Increments of each of the two threads.
const TIMES: u64 = 500_000;

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "one-cpu-hides-the-race",
    topic: "spinlock",
    statement: "On one CPU the broken test-and-set loses nothing in a million increments: a thread is hardly \
                ever preempted between its load and its store. A test that passes there proves nothing.",
    measures: "Two threads, both pinned to one CPU, increment a counter 500000 times each behind \
               check-then-set; what is missing in the end is counted.",
    control: "the same threads on two CPUs, again until something is lost (1.5 s at most)",
    notes: &[24, 25, 26, 27],
    needs: &["two CPUs", claim::QUIET_MACHINE],
    syscalls: &["sched_setaffinity"],
    man: &["sched_setaffinity(2)"],
    quantities: &[Quantity {
        name: LOST,
        unit: "",
        experiment: Prediction::Count(0),
        control: Prediction::AtLeast(1.0),
    }],
    limit: Duration::from_secs(20),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let [first, second] = two_cpus()?;
    let race = match arm {
        Arm::Experiment => two_threads(Entry::CheckThenSet, TIMES, [first, first])?,
        Arm::Control => until(
            |race| race.lost_updates() > 0,
            Duration::from_millis(1500),
            || two_threads(Entry::CheckThenSet, TIMES, [first, second]),
        )?,
    };
    Ok(Reading::counters().with(LOST, race.lost_updates()).note(
        "rare is not never: preempted between load and store, and the other one preempted inside, the threads lose an \
         increment on one CPU, too",
    ))
}
