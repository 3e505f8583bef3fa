//! The broken test-and-set passes its tests on one CPU.

use std::time::Duration;

use anyhow::Result;
use claim::Prediction::{AtLeast, AtMost};
use claim::{Act, Arm, Claim, Does, InControl, Name, NotMeasured, Quantity, Reading, Surprise};

use super::pins::are_told_by_getcpu;
use super::race::{Entry, repeat_until, two_threads};
use super::{BROKEN_FLAG, PINNED, REFUSED, TWO_THREADS, two_cpus};

const LOST: Quantity = Name("races in which check-then-set lost an increment")
    .predict(AtMost(20.0), AtLeast(40.0))
    .unit("%");
/// In both arms: behind a swap nothing is lost anywhere, and nothing would be hidden.
const SAME_FLAG: Act = BROKEN_FLAG.in_control(InControl::Same);
const TOGETHER: Act = Does("runs both threads on one CPU")
    .in_memory()
    .shown_by("the CPU on which both end (getcpu)")
    .in_control(InControl::Not);
/// If they only ran one after the other, nothing was hidden, because there was nothing to see.
const PREEMPTED: Act = Does("is preempted 10 times among its increments")
    .in_memory()
    .by("each thread")
    .shown_by("nonvoluntary_ctxt_switches in /proc/TID/status")
    .in_control(InControl::Either)
    .or_not_measured(
        "try again; a scheduler with long time slices (SCHED_FIFO, isolated CPUs) never mixes the \
         threads",
    );
/// Increments of each of the two threads: enough that a thread is preempted among them.
const INCREMENTS: u64 = 5_000_000;
/// How often each thread must have been preempted on the one CPU, in all races.
const PREEMPTIONS: u64 = 10;
/// A few, because on two CPUs, too, a thread may be through before the other has begun.
const CONTROL_RACES: u64 = 5;
/// How long is waited for the preemptions.
const RACE_LIMIT: Duration = Duration::from_millis(1500);

pub(super) const CLAIM: Claim = Claim {
    id: "one-cpu-hides-the-race",
    statement: "On one CPU the broken test-and-set loses an increment only if a thread is \
                preempted just between its load and its store, which is rare. A test that passes \
                there proves nothing.",
    measures: "Two threads, both pinned to one CPU, increment a counter 5 million times each \
               behind check-then-set, again until each was preempted 10 times among its increments \
               (nonvoluntary_ctxt_switches).",
    control: "the same threads on two CPUs, five times",
    surprise: Some(Surprise::Small(
        "the broken lock passes 100 tests on one CPU",
    )),
    notes: &[24, 25, 26, 27],
    example: Some("test_and_set_of_the_notes"),
    needs: &["two CPUs", claim::QUIET_MACHINE],
    acts: &[TWO_THREADS, PINNED, SAME_FLAG, TOGETHER, PREEMPTED, REFUSED],
    man: &["sched_setaffinity(2)", "proc_pid_status(5)"],
    quantities: &[LOST],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let [first, second] = two_cpus()?;
    if !are_told_by_getcpu([first, second])? {
        return NotMeasured::err(
            "a thread that is pinned to a CPU is told that it runs on another (getcpu): this \
             kernel does not tell which threads share one",
            "use a kernel that runs a thread where sched_setaffinity says, as Linux does",
        );
    }
    let cpus = arm.choose([first, first], [first, second]);
    let all = repeat_until(
        |all| match arm {
            Arm::Experiment => all.preempted >= PREEMPTIONS && all.refused > 0,
            Arm::Control => all.races >= CONTROL_RACES,
        },
        RACE_LIMIT,
        || two_threads(Entry::CheckThenSet, INCREMENTS, cpus),
    )?;
    let share = 100.0 * all.races_with_loss as f64 / all.races as f64;
    let reading = Reading::counters()
        .act(&TWO_THREADS, all.is_of_two())
        .act(&PINNED, all.is_in_place())
        .act(&SAME_FLAG, all.is_at_broken_flag())
        .act(&TOGETHER, all.is_on_one_cpu())
        .act(&PREEMPTED, all.preempted >= PREEMPTIONS)
        .act(&REFUSED, all.refused > 0);
    Ok(reading.with(&LOST, share).note(format!(
        "{} of {} increments were lost, in {} of {} races; each thread was preempted {} times or \
         more, and one refused {} times",
        all.lost_updates(),
        all.entered,
        all.races_with_loss,
        all.races,
        all.preempted,
        all.refused
    )))
}
