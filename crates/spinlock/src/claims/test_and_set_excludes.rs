//! One swap excludes: threads and processes lose nothing.
#![expect(
    unsafe_code,
    reason = "the flag and the counter go into a shared mapping"
)]

use std::time::{Duration, Instant};

use anyhow::Result;
use claim::Prediction::{AtMost, Count};
use claim::{Arm, Claim, Name, Quantity, Reading};
use harness::pin::pin;
use locks::{Shareable, Shared};

use super::race::{Course, Entry, ensure_contended, two_threads};
use super::two_cpus;

const THREADS: Quantity = Name("increments counted, two threads")
    .predict(Count(2 * INCREMENTS), AtMost((2 * INCREMENTS - 1) as f64));
const PROCESSES: Quantity = Name("increments counted, two processes over MAP_SHARED")
    .predict(Count(2 * INCREMENTS), AtMost((2 * INCREMENTS - 1) as f64));
/// Increments of each of the two.
const INCREMENTS: u64 = 200_000;
/// How long is waited for a telling race.
const RACE_LIMIT: Duration = Duration::from_millis(1500);

pub(super) const CLAIM: Claim = Claim {
    id: "test-and-set-excludes",
    statement: "One atomic swap is enough: behind it, two threads, or two processes that share a \
                page, lose not a single increment.",
    measures: "Two threads, then two forked processes with the flag and the counter in a \
               MAP_SHARED mapping, increment it 200000 times each, without an atomic addition, \
               again until one was refused at least once; then the counter is read.",
    control: "check-then-set instead of the swap, again until something is lost (1.5 s at most)",
    notes: &[19, 20, 21],
    needs: &["two CPUs", claim::QUIET_MACHINE],
    syscalls: &["mmap", "fork"],
    man: &["mmap(2)", "fork(2)"],
    quantities: &[THREADS, PROCESSES],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let cpus = two_cpus()?;
    let entry = arm.choose(Entry::Swap, Entry::CheckThenSet);
    let processes = race(arm, || two_processes(entry, cpus))?;
    // In a child of its own: a process that has had threads may not fork until the kernel has
    // removed the last of them.
    let threads = child::fork("threads", |_| {
        Ok(race(arm, || {
            let outcome = two_threads(entry, INCREMENTS, cpus)?;
            Ok((outcome.counted, outcome.refused))
        })?)
    })?
    .join()?;
    for (counted, refused) in [threads, processes] {
        if counted == 2 * INCREMENTS {
            ensure_contended(refused)?; // a loss needs no other proof that they met
        }
    }
    Ok(Reading::counters()
        .with(&THREADS, threads.0)
        .with(&PROCESSES, processes.0))
}

/// Runs races until one of them proves something: increments were lost, or, where none should be
/// lost, a thread was refused. Returns the counter and the refusals of the last race.
fn race(arm: Arm, run: impl Fn() -> Result<(u64, u64)>) -> Result<(u64, u64)> {
    let start = Instant::now();
    loop {
        let (counted, refused) = run()?;
        let telling = counted != 2 * INCREMENTS || (arm == Arm::Experiment && refused > 0);
        if telling || start.elapsed() > RACE_LIMIT {
            return Ok((counted, refused));
        }
    }
}

// SAFETY: three atomics, no pointer; made to be used by several at once.
unsafe impl Shareable for Course {}

/// One race of two processes: returns the counter and the number of refusals.
fn two_processes(entry: Entry, cpus: [usize; 2]) -> Result<(u64, u64)> {
    let course = Shared::new(Course::new())?;
    let runner = |cpu| {
        let course = &course;
        move |parent: &mut child::Parent| {
            pin(cpu)?;
            parent.checkpoint()?;
            Ok(course.run(entry, INCREMENTS))
        }
    };
    let mut first = child::fork("first process", runner(cpus[0]))?;
    let mut second = child::fork("second process", runner(cpus[1]))?;
    first.at_checkpoint()?;
    second.at_checkpoint()?;
    first.release()?;
    second.release()?;
    let refused = first.join()? + second.join()?;
    Ok((course.count(), refused))
}
