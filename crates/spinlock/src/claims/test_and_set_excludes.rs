//! One swap excludes: threads and processes lose nothing.
#![expect(
    unsafe_code,
    reason = "the flag and the counter go into a shared mapping"
)]

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use claim::Prediction::{AtMost, Count};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::pin::pin;
use locks::{Shareable, Shared};
use nix::sched::sched_getcpu;
use serde::{Deserialize, Serialize};

use super::pins::are_told_by_getcpu;
use super::race::{Course, Entry, two_threads};
use super::two_cpus;

const THREADS: Quantity = Name("increments counted, two threads")
    .predict(Count(2 * INCREMENTS), AtMost((2 * INCREMENTS - 1) as f64));
const PROCESSES: Quantity = Name("increments counted, two processes over MAP_SHARED")
    .predict(Count(2 * INCREMENTS), AtMost((2 * INCREMENTS - 1) as f64));
const PROCESSES_RUN: Act = Does("forks two processes")
    .call("clone", "SIGCHLD")
    .times(2)
    .shown_by("two process ids, neither of them the parent's");
const MAPPED: Act = Does("maps the flag and the counter for both")
    .call("mmap", "MAP_SHARED|MAP_ANONYMOUS")
    .shown_by("a mapping in /proc/self/maps that is shared (`s`) and has their address");
const THREADS_RUN: Act = Does("starts two threads")
    .call("clone", "CLONE_THREAD")
    .by("racer")
    .times(2)
    .shown_by("two thread ids (gettid)");
const PINNED: Act = Does("pins each of the threads to a CPU")
    .call("sched_setaffinity", "")
    .by("racer")
    .times(2)
    .shown_by(
        "the CPUs on which they end (getcpu), or what they meet of each other at the flag where \
         getcpu does not tell",
    );
const SWAP: Act = Does("enters by one swap")
    .in_memory()
    .by("each of the two")
    .shown_by("the flag for the swap, which is clear in the end; in the control it is kept set")
    .in_control(InControl::Not);
/// A loss needs no other proof that they met.
const MET: Act = Does("meets the other at the flag")
    .in_memory()
    .by("each of the two")
    .shown_by("refusals that both count, or increments that are lost")
    .or_not_measured("try again on a quieter machine: the two took turns");
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
    example: Some("test_and_set_by_swap"),
    needs: &["two CPUs", claim::QUIET_MACHINE],
    acts: &[PROCESSES_RUN, MAPPED, THREADS_RUN, PINNED, SWAP, MET],
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
    let threads = child::fork("racer", |_| {
        Ok(race(arm, || {
            let outcome = two_threads(entry, INCREMENTS, cpus)?;
            Ok(Raced {
                counted: outcome.counted,
                refused: outcome.refused,
                are_two: outcome.is_of_two(),
                are_in_place: outcome.is_in_place(),
                is_swapped: !outcome.is_at_broken_flag(),
                is_shared: true,
            })
        })?)
    })?
    .join()?;
    let both = [&processes, &threads];
    let met = |raced: &&Raced| raced.refused > 0 || raced.counted < 2 * INCREMENTS;
    let pinned = if are_told_by_getcpu(cpus)? {
        threads.are_in_place
    } else {
        met(&&threads)
    };
    Ok(Reading::counters()
        .act(&PROCESSES_RUN, processes.are_two)
        .act(&MAPPED, processes.is_shared)
        .act(&THREADS_RUN, threads.are_two)
        .act(&PINNED, pinned)
        .act(&SWAP, both.iter().all(|raced| raced.is_swapped))
        .act(&MET, both.iter().all(met))
        .with(&THREADS, threads.counted)
        .with(&PROCESSES, processes.counted))
}

/// What became of one race, and the evidence that it was one.
#[derive(Serialize, Deserialize)]
struct Raced {
    /// What the counter says.
    counted: u64,
    /// How often one of the two was refused.
    refused: u64,
    /// Whether their ids are two.
    are_two: bool,
    /// Whether they ended on the CPUs that they were pinned to.
    are_in_place: bool,
    /// Whether they went through the flag that is swapped.
    is_swapped: bool,
    /// Whether what they raced for is shared memory, as far as that was asked.
    is_shared: bool,
}

/// Runs races until one of them proves something: increments were lost, or, where none should be
/// lost, one of the two was refused. Returns the last race.
fn race(arm: Arm, run: impl Fn() -> Result<Raced>) -> Result<Raced> {
    let start = Instant::now();
    loop {
        let raced = run()?;
        let lost = raced.counted != 2 * INCREMENTS;
        if lost || arm == Arm::Experiment && raced.refused > 0 || start.elapsed() > RACE_LIMIT {
            return Ok(raced);
        }
    }
}

// SAFETY: three atomics, no pointer; made to be used by several at once.
unsafe impl Shareable for Course {}

/// One race of two processes.
fn two_processes(entry: Entry, cpus: [usize; 2]) -> Result<Raced> {
    let course = Shared::new(Course::new(entry))?;
    let runner = |cpu| {
        let course = &course;
        move |parent: &mut child::Parent| {
            pin(cpu)?;
            parent.checkpoint()?;
            let refused = course.run(entry, INCREMENTS);
            let ended_on = sched_getcpu().context("getcpu")?;
            Ok((refused, std::process::id(), ended_on == cpu))
        }
    };
    let mut first = child::fork("first process", runner(cpus[0]))?;
    let mut second = child::fork("second process", runner(cpus[1]))?;
    first.at_checkpoint()?;
    second.at_checkpoint()?;
    first.release()?;
    second.release()?;
    let (first, second) = (first.join()?, second.join()?);
    let ids = [first.1, second.1];
    let own = std::process::id();
    Ok(Raced {
        counted: course.count(),
        refused: first.0 + second.0,
        are_two: ids[0] != ids[1] && !ids.contains(&own),
        are_in_place: first.2 && second.2,
        is_swapped: !course.is_behind_broken_flag(),
        is_shared: is_shared(&raw const *course as u64)?,
    })
}

/// Whether `address` of this process lies in a shared mapping.
fn is_shared(address: u64) -> Result<bool> {
    let maps = observe::maps::read(std::process::id().cast_signed())?;
    let found = maps
        .into_iter()
        .find(|mapping| (mapping.start..mapping.end).contains(&address));
    Ok(found.is_some_and(|mapping| mapping.permissions.shared))
}
