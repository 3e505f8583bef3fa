//! More threads than CPUs: spinners burn the time in which the holder should run.

use std::time::Duration;

use anyhow::Result;
use claim::Prediction::{AtLeast, AtMost};
use claim::{Arm, Claim, Name, Quantity, Reading};
use harness::clock::Work;

use super::two_cpus;
use crate::compare::lock_name::LockName;
use crate::compare::render::nanoseconds;
use crate::compare::window::{Regime, Setup};

const BARGING: Quantity = Name("time per operation, 8 threads by 2, sections of 1 us")
    .predict(AtLeast(1.8), AtMost(1.7))
    .unit("times");
const FIFO: Quantity = Name("time per operation, 8 threads by 2, first come first served")
    .predict(AtLeast(100.0), AtMost(20.0))
    .unit("times");

pub(super) const CLAIM: Claim = Claim {
    id: "preempted-holder-collapse",
    statement: "With more threads than CPUs a spinlock collapses: who holds it, or is next in \
                line, is preempted by those who wait for it.",
    measures: "Two and then eight threads contend on two CPUs; the time per operation of eight by \
               that of two, for test-and-set with sections of 1 us and for the ticket lock with \
               short ones.",
    control: "for both, the asymmetric lock, which yields and sleeps",
    notes: &[18, 21, 30],
    needs: &["two CPUs", claim::QUIET_MACHINE],
    syscalls: &["sched_yield", "futex"],
    man: &["sched_yield(2)", "futex(2)"],
    quantities: &[BARGING, FIFO],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let cpus = two_cpus()?;
    let work = Work::calibrate();
    let barging = arm.choose(LockName::TestAndSet, LockName::Asymmetric);
    let fifo = arm.choose(LockName::Ticket, LockName::Asymmetric);
    let window = |lock: LockName, threads, critical_ns, ms| -> Result<f64> {
        let window = lock.visit(Setup {
            regime: Regime {
                threads,
                critical_ns,
                think_ns: 0,
            },
            length: Duration::from_millis(ms),
            work,
            cpus: &cpus,
            time_waits: false,
            interrupt: None,
        })?;
        let operations: u64 = window.operations.iter().sum();
        // A window without any operation is a collapse, too: it counts as one operation that took
        // the whole window.
        Ok(window.elapsed_ns as f64 / operations.max(1) as f64)
    };
    // Of the short windows the fastest counts: in the others another program may have used a CPU,
    // so that the two threads had too few CPUs, as eight threads have.
    let undisturbed = |lock, critical_ns| -> Result<f64> {
        (0..3).try_fold(f64::INFINITY, |fastest, _| {
            Ok(fastest.min(window(lock, 2, critical_ns, 20)?))
        })
    };
    let mut reading = Reading::counters();
    for (quantity, lock, critical_ns) in [(BARGING, barging, 1000), (FIFO, fifo, 0)] {
        let (two, eight) = (
            undisturbed(lock, critical_ns)?,
            window(lock, 8, critical_ns, 80)?,
        );
        reading = reading.with(&quantity, eight / two).note(format!(
            "{lock}: {} per operation with 2 threads, {} with 8",
            nanoseconds(two),
            nanoseconds(eight)
        ));
    }
    Ok(reading)
}
