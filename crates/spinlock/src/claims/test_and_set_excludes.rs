//! One swap excludes: threads and processes lose nothing.
#![expect(
    unsafe_code,
    reason = "the flag and the counter go into a shared mapping"
)]

use std::time::Duration;

use anyhow::{Context, Result};
use claim::{Arm, Claim, Prediction, Quantity, Reading};

use super::{
    race::{Course, Entry, two_threads, until},
    two_cpus,
};
use crate::{
    clock::pin,
    locks::{Shareable, Shared},
};

const THREADS: &str = "increments counted, two threads";
const PROCESSES: &str = "increments counted, two processes over MAP_SHARED";
/// Increments of each of the two.
const TIMES: u64 = 200_000;

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "test-and-set-excludes",
    topic: "spinlock",
    statement: "One atomic swap is enough: behind it, two threads, or two processes that share a \
                page, lose not a single increment.",
    measures: "Two threads, then two forked processes with the flag and the counter in a MAP_SHARED mapping, \
               increment it 200000 times each, without an atomic addition; the end is compared with the sum.",
    control: "check-then-set instead of the swap, again until something is lost (1.5 s at most)",
    notes: &[19, 20, 21],
    needs: &["two CPUs", claim::QUIET_MACHINE],
    syscalls: &["mmap", "fork"],
    man: &["mmap(2)", "fork(2)"],
    quantities: &[
        Quantity {
            name: THREADS,
            unit: "",
            experiment: Prediction::Count(2 * TIMES),
            control: Prediction::AtMost((2 * TIMES - 1) as f64),
        },
        Quantity {
            name: PROCESSES,
            unit: "",
            experiment: Prediction::Count(2 * TIMES),
            control: Prediction::AtMost((2 * TIMES - 1) as f64),
        },
    ],
    limit: Duration::from_secs(20),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let cpus = two_cpus()?;
    let (entry, patience) = match arm {
        Arm::Experiment => (Entry::Swap, Duration::ZERO),
        Arm::Control => (Entry::CheckThenSet, Duration::from_millis(1500)),
    };
    let start = std::time::Instant::now();
    let mut shared = two_processes(entry, cpus)?;
    while shared == 2 * TIMES && start.elapsed() < patience {
        shared = two_processes(entry, cpus)?;
    }
    // In a child of its own: a process that has had threads may not fork until the last trace of them is gone.
    let threads = child::fork("threads", |_| {
        let race = until(
            |race| race.lost_updates > 0,
            patience,
            || two_threads(entry, TIMES, cpus),
        )?;
        Ok(2 * TIMES - race.lost_updates)
    })?
    .join()?;
    Ok(Reading::counters()
        .with(THREADS, threads)
        .with(PROCESSES, shared))
}

// SAFETY: three atomics, no pointer; made to be used by several at once.
unsafe impl Shareable for Course {}

fn two_processes(entry: Entry, cpus: [usize; 2]) -> Result<u64> {
    let course = Shared::new(Course::new())?;
    let runner = |cpu| {
        let course = &course;
        move |parent: &mut child::Parent| {
            pin(cpu).with_context(|| format!("sched_setaffinity CPU {cpu}"))?;
            parent.checkpoint()?;
            course.run(entry, TIMES);
            Ok(())
        }
    };
    let mut first = child::fork("first process", runner(cpus[0]))?;
    let mut second = child::fork("second process", runner(cpus[1]))?;
    first.at_checkpoint()?;
    second.at_checkpoint()?;
    first.release()?;
    second.release()?;
    first.join()?;
    second.join()?;
    Ok(course.counted())
}
