//! The notes' test_and_set, line by line, is not a lock: it loses updates, and it loses unlocks.

use std::time::Duration;

use anyhow::Result;
use claim::Prediction::{AtLeast, Count};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading, Surprise};

use super::pins::are_told_by_getcpu;
use super::race::{Entry, Outcome, repeat_until, two_threads};
use super::{BROKEN_FLAG, PINNED, REFUSED, TWO_THREADS, two_cpus};

const LITERAL: Quantity =
    Name("increments lost by the literal pseudo-code").predict(AtLeast(1.0), Count(0));
const CHECKED: Quantity = Name("increments lost by check-then-set").predict(AtLeast(1.0), Count(0));
const HUNG: Quantity =
    Name("flag of the literal pseudo-code in the end").word("set, with nobody inside", "clear");
/// Else the threads took turns, as they do where a CPU is emulated slowly.
const MET: Act = Does("is inside while the other is inside, too")
    .in_memory()
    .by("a thread")
    .shown_by(
        "marks that the threads set on entry and see of each other; where getcpu does not tell on \
         which CPUs they are, what is lost, too",
    )
    .in_control(InControl::Not)
    .or_not_measured("try again on a quieter machine, or on CPUs that are not emulated");
const GIVEN_BACK: Act = Does("clears the flag again and again")
    .in_memory()
    .by("a thread")
    .shown_by("more entries into sections than there are threads");
/// Increments of each of the two threads.
const INCREMENTS: u64 = 200_000;
/// How long is waited for a failure to show.
const RACE_LIMIT: Duration = Duration::from_millis(1500);

pub(super) const CLAIM: Claim = Claim {
    id: "pseudo-code-loses-updates",
    statement: "Test-and-set written as a load and a store excludes nobody: two threads enter \
                together and lose updates, and a waiter's store can overwrite the unlock, so that \
                all wait for ever.",
    measures: "Two threads on two CPUs increment a counter 200000 times each behind the flag, \
               again and again until the failure shows (1.5 s at most). A watchdog ends a race \
               once every thread outside has been refused again and again while nobody is inside.",
    control: "one swap in place of the load and the store, again until a thread was refused",
    surprise: Some(Surprise::Great(
        "textbook test-and-set loses updates and can hang",
    )),
    notes: &[19, 20, 21, 24, 25, 26, 27, 30, 31],
    example: Some("test_and_set_of_the_notes"),
    needs: &["two CPUs", claim::QUIET_MACHINE],
    acts: &[TWO_THREADS, PINNED, BROKEN_FLAG, REFUSED, MET, GIVEN_BACK],
    man: &["sched_setaffinity(2)"],
    quantities: &[LITERAL, CHECKED, HUNG],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let cpus = two_cpus()?;
    // On one CPU updates are lost, too, where other programs preempt a thread between its steps.
    let are_two = cpus[0] != cpus[1];
    // It forks, which a process that has just had threads may not.
    let told = are_told_by_getcpu(cpus)?;
    let literal = arm.choose(Entry::Literal, Entry::Swap);
    let checked = arm.choose(Entry::CheckThenSet, Entry::Swap);
    // The control has no failure to wait for, but both must have been put to the test.
    let fails = arm == Arm::Experiment;
    let literal = repeat_until(
        |race| {
            race.refused > 0
                && race.was_given_back()
                && (!fails || race.met > 0 && race.lost_updates() > 0 && race.lost_unlock)
        },
        RACE_LIMIT,
        || two_threads(literal, INCREMENTS, cpus),
    )?;
    let checked = repeat_until(
        |race| {
            race.refused > 0
                && race.was_given_back()
                && (!fails || race.met > 0 && race.lost_updates() > 0)
        },
        RACE_LIMIT,
        || two_threads(checked, INCREMENTS, cpus),
    )?;
    let both = [&literal, &checked];
    let shown = |evidence: fn(&&Outcome) -> bool| both.iter().all(evidence);
    // What the control must not show, neither of its races may.
    let only_here = |evidence: fn(&&Outcome) -> bool| match arm {
        Arm::Experiment => both.iter().all(evidence),
        Arm::Control => both.iter().any(evidence),
    };
    // Where getcpu does not tell, both may have been on one CPU by turns, and have met there, too:
    // what was not lost then says nothing.
    let ran_at_once = told
        || arm == Arm::Control
        || both.iter().all(|race| race.lost_updates() > 0) && literal.lost_unlock;
    Ok(Reading::counters()
        .act(&TWO_THREADS, shown(|race| race.is_of_two()))
        .act(
            &PINNED,
            are_two && both.iter().all(|race| race.is_pinned(told)),
        )
        .act(&BROKEN_FLAG, only_here(|race| race.is_at_broken_flag()))
        .act(&REFUSED, shown(|race| race.refused > 0))
        .act(&MET, only_here(|race| race.met > 0) && ran_at_once)
        .act(&GIVEN_BACK, shown(|race| race.was_given_back()))
        .with(&LITERAL, literal.lost_updates())
        .with(&CHECKED, checked.lost_updates())
        .with(
            &HUNG,
            if literal.lost_unlock {
                "set, with nobody inside"
            } else {
                "clear"
            },
        )
        .note(
            "the lost unlock is a failure of its own: the waiter loads true, the holder stores \
             false, the waiter stores true",
        ))
}
