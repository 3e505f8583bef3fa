//! Test-and-set forgets who came first; a ticket does not.

use std::time::Duration;

use anyhow::{Context, Result};
use claim::{Arm, Claim, Prediction, Quantity, Reading, Table};

use super::two_cpus;
use crate::{
    clock::Work,
    compare::{
        contender::LockName,
        statistics::jain,
        window::{Regime, Setup},
    },
};

const JAIN: &str = "Jain's index of the threads' operations";
const LEAST: &str = "operations of the least served thread, by a fair share";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "unfair-against-ticket",
    topic: "spinlock",
    statement: "When threads outnumber CPUs, test-and-set serves whoever happens to run, and a thread may get \
                nothing at all; a ticket lock serves all alike.",
    measures: "Four threads on two CPUs contend for 150 ms with critical sections of 1 us and no pause \
               between; each counts its operations. Jain's index is 1 if all are equal, 1/4 if one has all.",
    control: "the ticket lock",
    notes: &[21, 30],
    needs: &["two CPUs", claim::QUIET_MACHINE],
    syscalls: &["sched_setaffinity"],
    man: &["sched_setaffinity(2)"],
    quantities: &[
        Quantity {
            name: JAIN,
            unit: "",
            experiment: Prediction::AtMost(0.85),
            control: Prediction::AtLeast(0.9),
        },
        Quantity {
            name: LEAST,
            unit: "",
            experiment: Prediction::AtMost(0.6),
            control: Prediction::AtLeast(0.65),
        },
    ],
    limit: Duration::from_secs(10),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let lock = match arm {
        Arm::Experiment => LockName::TestAndSet,
        Arm::Control => LockName::Ticket,
    };
    let window = lock.visit(Setup {
        regime: Regime {
            threads: 4,
            critical_ns: 1000,
            think_ns: 0,
        },
        length: Duration::from_millis(150),
        work: Work::calibrate(),
        cpus: &two_cpus()?,
        time_waits: false,
    })?;
    let operations = &window.operations;
    let all: u64 = operations.iter().sum();
    let least = operations.iter().min().copied().unwrap_or(0);
    let mut table = Table::new(
        format!("{lock}: operations in 150 ms"),
        &["thread", "operations"],
    );
    for (thread, operations) in operations.iter().enumerate() {
        table.row([thread.to_string(), operations.to_string()]);
    }
    Ok(Reading::counters()
        .with(
            JAIN,
            jain(operations).context("no thread got the lock within 150 ms")?,
        )
        .with(LEAST, least as f64 * operations.len() as f64 / all as f64)
        .table(table))
}
