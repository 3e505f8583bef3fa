//! More threads than CPUs: spinners burn the time in which the holder should run.

use std::time::Duration;

use anyhow::Result;
use claim::Prediction::{AtLeast, AtMost};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::clock::Work;

use super::{EXCLUDE, LOCK_MEMORY, crowd, pinned_by_turns, two_cpus, wakeups};
use crate::compare::lock_name::LockName;
use crate::compare::render::nanoseconds;
use crate::compare::window::{ContentionWindow, Regime, Setup, Timed};

const BARGING: Quantity = Name("time per operation, 8 threads by 2, sections of 1 us")
    .predict(AtLeast(1.8), AtMost(1.7))
    .unit("times");
const FIFO: Quantity = Name("time per operation, 8 threads by 2, first come first served")
    .predict(AtLeast(100.0), AtMost(20.0))
    .unit("times");

/// How many threads are too many for two CPUs.
const MANY: usize = 8;
/// So many preempted holders are no accident.
const HOLDERS: u64 = 3;
const CROWD: Act = crowd("starts eight threads", MANY);
const PINNED: Act = pinned_by_turns(MANY);
const SPIN: Act = Does("waits for test-and-set and for the ticket lock by spinning")
    .in_memory()
    .by("each thread")
    .shown_by(
        "the locks' memory in /proc/self/mem: one byte, 1 inside a section and 0 in the end; and \
         the two numbers of a ticket lock, which have counted every section",
    )
    .in_control(InControl::Not)
    .or_not_measured(LOCK_MEMORY);
const PREEMPT_HOLDER: Act = Does("preempts a thread that holds test-and-set, 3 times or more")
    .in_memory()
    .by("the scheduler")
    .shown_by("sections of 1 us that took over 500 us, in a window in which they are timed")
    .in_control(InControl::Either)
    .or_not_measured("try again: no thread was preempted while it held the lock");
const PREEMPT_IN_LINE: Act = Does("preempts the threads of the ticket lock, 8 times or more")
    .in_memory()
    .by("the scheduler")
    .shown_by("nonvoluntary_ctxt_switches in /proc/TID/status, in the window of eight")
    .in_control(InControl::Either)
    .or_not_measured("try again: no thread was preempted");
pub(super) const CLAIM: Claim = Claim {
    id: "preempted-holder-collapse",
    statement: "With more threads than CPUs a spinlock collapses: who holds it, or is next in \
                line, is preempted by those who wait for it.",
    measures: "Two and then eight threads contend on two CPUs; the time per operation of eight by \
               that of two, for test-and-set with sections of 1 us and for the ticket lock with \
               short ones.",
    control: "for both, the asymmetric lock, which yields and sleeps",
    notes: &[18, 21, 30],
    example: Some("spin_or_sleep"),
    needs: &["two CPUs", claim::QUIET_MACHINE],
    acts: &[
        CROWD,
        PINNED,
        SPIN,
        PREEMPT_HOLDER,
        PREEMPT_IN_LINE,
        EXCLUDE,
    ],
    man: &["sched_yield(2)", "futex(2)"],
    quantities: &[BARGING, FIFO],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let cpus = two_cpus()?;
    wakeups::require()?;
    let work = Work::calibrate();
    let barging = arm.choose(LockName::TestAndSet, LockName::Asymmetric);
    let fifo = arm.choose(LockName::Ticket, LockName::Asymmetric);
    let open = |lock: LockName, threads, critical_ns, ms, timed| -> Result<ContentionWindow> {
        let regime = Regime {
            threads,
            critical_ns,
            think_ns: 0,
        };
        Ok(lock.visit(Setup {
            regime,
            length: Duration::from_millis(ms),
            work,
            cpus: &cpus,
            timed,
            interrupt: None,
        })?)
    };
    let mut windows = Vec::new();
    let mut reading = Reading::counters();
    for (quantity, lock, critical_ns) in [(BARGING, barging, 1000), (FIFO, fifo, 0)] {
        // Of the short windows the fastest counts: in the others another program may have used a
        // CPU, so that the two threads had too few CPUs, as eight threads have.
        let mut two = f64::INFINITY;
        for _ in 0..3 {
            two = two.min(open(lock, 2, critical_ns, 20, Timed::Nothing)?.time_per_operation());
        }
        let crowd = open(lock, MANY, critical_ns, 80, Timed::Nothing)?;
        let eight = crowd.time_per_operation();
        windows.push(crowd);
        reading = reading.with(&quantity, eight / two).note(format!(
            "{lock}: {} per operation with 2 threads, {} with 8",
            nanoseconds(two),
            nanoseconds(eight)
        ));
    }
    let in_line = windows.last().map_or(0, |window| window.preempted);
    let sections = open(barging, MANY, 1000, 80, Timed::Sections)?;
    let holders = sections.interrupted_sections;
    windows.push(sections);
    let in_all = |evidence: fn(&ContentionWindow) -> bool| windows.iter().all(evidence);
    let spins = match arm {
        Arm::Experiment => matches!(&windows[..], [barging, fifo, timed]
            if barging.memory.is_flag() && fifo.memory.is_ticket() && timed.memory.is_flag()),
        Arm::Control => windows
            .iter()
            .any(|it| it.memory.is_flag() || it.memory.is_ticket()),
    };
    Ok(reading
        .act(&CROWD, in_all(|window| window.threads.len() == MANY))
        .act(&PINNED, in_all(|window| window.pinned))
        .act(&SPIN, spins)
        .act(&PREEMPT_HOLDER, holders >= HOLDERS)
        .act(&PREEMPT_IN_LINE, in_line >= MANY as u64)
        .act(&EXCLUDE, in_all(|window| window.lost == 0))
        .note(format!(
            "{barging}: a thread was preempted inside {holders} times within 80 ms; {fifo}: \
             threads were preempted {in_line} times"
        )))
}
