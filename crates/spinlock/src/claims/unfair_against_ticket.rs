//! Test-and-set forgets which thread came first; a ticket does not.

use std::time::Duration;

use anyhow::{Context, Result};
use claim::Prediction::{AtLeast, AtMost};
use claim::{
    Act, Arm, Claim, Does, InControl, Name, NotMeasured, Quantity, Reading, Surprise, Table,
};
use harness::clock::Work;
use harness::statistics::jain;

use super::pins::{are_all_there_are, are_in_place};
use super::{EXCLUDE, LOCK_MEMORY, crowd, pinned_by_turns, two_cpus, wakeups};
use crate::compare::lock_name::LockName;
use crate::compare::window::{ContentionWindow, Regime, Setup, Timed};

const JAIN: Quantity =
    Name("Jain's index of the threads' operations").predict(AtMost(0.85), AtLeast(0.9));
const LEAST: Quantity = Name("operations of the least served thread, by a fair share")
    .predict(AtMost(0.6), AtLeast(0.65));

/// How many threads contend.
const THREADS: usize = 4;
const CONTEND: Act = crowd("starts four threads", THREADS);
const PINNED: Act = pinned_by_turns(THREADS).shown_by(
    "the CPU on which each ends (getcpu); where getcpu does not tell, its mask \
     (sched_getaffinity), on a machine with no more than these two CPUs",
);
const BARGE: Act = Does("contends for test-and-set")
    .in_memory()
    .by("each thread")
    .shown_by(
        "the lock's memory in /proc/self/mem: one byte, 1 inside a section and 0 in the end; in \
         the control the two numbers of a ticket lock, which have counted every section",
    )
    .in_control(InControl::Not)
    .or_not_measured(LOCK_MEMORY);
/// How long the threads contend.
const CONTENTION_TIME: Duration = Duration::from_millis(100);
/// How many windows: the claim says what may happen, so the least fair one counts in both arms. In
/// about one window of fifteen the scheduler happens to deal test-and-set's threads nearly equal
/// slices.
const WINDOWS: usize = 3;

pub(super) const CLAIM: Claim = Claim {
    id: "unfair-against-ticket",
    statement: "When threads outnumber CPUs, test-and-set serves whoever happens to run, and a \
                thread may get nothing at all; a ticket lock serves all alike.",
    measures: "Four threads on two CPUs contend for 100 ms with critical sections of 1 us and no \
               pause between; each counts its operations. Jain's index is 1 if all are equal, 1/4 \
               if one has all. Of three such windows the least fair one counts.",
    control: "the ticket lock",
    surprise: Some(Surprise::Small(
        "a thread at a spinlock may get nothing at all",
    )),
    notes: &[21, 30],
    needs: &["two CPUs", claim::QUIET_MACHINE],
    acts: &[CONTEND, PINNED, BARGE, EXCLUDE],
    man: &["sched_setaffinity(2)"],
    quantities: &[JAIN, LEAST],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let cpus = two_cpus()?;
    let bound_is_enough = are_all_there_are(cpus)?;
    wakeups::require()?;
    let lock = arm.choose(LockName::TestAndSet, LockName::Ticket);
    let setup = Setup {
        regime: Regime {
            threads: THREADS,
            critical_ns: 1000,
            think_ns: 0,
        },
        length: CONTENTION_TIME,
        work: Work::calibrate(),
        cpus: &cpus,
        timed: Timed::Nothing,
        interrupt: None,
    };
    let mut least_fair: Option<(f64, Vec<u64>)> = None;
    let mut windows = Vec::new();
    for _ in 0..WINDOWS {
        let window = lock.visit(setup)?;
        let operations = window.operations.clone();
        windows.push(window);
        let Some(fairness) = jain(&operations) else {
            return NotMeasured::err(
                "no thread got the lock within 100 ms: other programs had the CPUs",
                "run it again while the machine does little else",
            );
        };
        if least_fair
            .as_ref()
            .is_none_or(|(least, _)| fairness < *least)
        {
            least_fair = Some((fairness, operations));
        }
    }
    let (fairness, operations) = least_fair.context("there was no window")?;
    let all: u64 = operations.iter().sum();
    let least = operations.iter().min().copied().unwrap_or(0);
    let mut table = Table::new(
        format!("{lock}: operations in 100 ms, the least fair of {WINDOWS} windows"),
        &["thread", "CPU", "operations"],
    );
    for (thread, operations) in operations.iter().enumerate() {
        let cpu = cpus[thread % cpus.len()];
        table.row([thread.to_string(), cpu.to_string(), operations.to_string()]);
    }
    let barge = match arm {
        Arm::Experiment => windows.iter().all(|it| it.memory.is_flag()),
        Arm::Control => !windows.iter().all(|it| it.memory.is_ticket()),
    };
    let in_all = |evidence: fn(&ContentionWindow) -> bool| windows.iter().all(evidence);
    Ok(Reading::counters()
        .act(&CONTEND, in_all(|window| window.threads.len() == THREADS))
        .act(&PINNED, are_in_place(&windows, bound_is_enough))
        .act(&BARGE, barge)
        .act(&EXCLUDE, in_all(|window| window.lost == 0))
        .with(&JAIN, fairness)
        .with(&LEAST, least as f64 * operations.len() as f64 / all as f64)
        .table(table))
}
