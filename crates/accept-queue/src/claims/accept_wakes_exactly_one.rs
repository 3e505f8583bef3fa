//! The notes' heart: of eight processes blocked in accept, a connection wakes one.

use std::time::Duration;

use anyhow::Result;
use claim::{Arm, Claim, Prediction, Quantity, Reading, Table};

use super::{TRACEPOINT_IF_ALLOWED, kernel, paced, reading, total_wakeups};

const WORKERS: usize = 8;
const CONNECTIONS: u64 = 50;

const WAKEUPS: &str = "wakeups of 8 workers by 50 connections";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "accept-wakes-exactly-one",
    topic: "accept-queue",
    statement: "When a connection arrives and processes sleep in accept, the kernel wakes exactly one \
                of them.",
    measures: "Eight workers block in accept. Fifty times: all are seen asleep, a client connects and \
               is served. The wakeups are counted.",
    control: "the workers sleep in poll on the same socket: all eight wake each time",
    notes: &[11, 14],
    needs: &[TRACEPOINT_IF_ALLOWED],
    syscalls: &["accept4", "perf_event_open"],
    man: &["accept(2)", "perf_event_open(2)"],
    quantities: &[Quantity {
        name: WAKEUPS,
        unit: "",
        experiment: Prediction::Count(CONNECTIONS),
        control: Prediction::AtLeast(0.99 * WORKERS as f64 * CONNECTIONS as f64),
    }],
    limit: Duration::from_secs(15),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let kernel = kernel();
    let strategy = match arm {
        Arm::Experiment => "blocking",
        Arm::Control => "poll",
    };
    let row = paced(strategy, WORKERS, CONNECTIONS, kernel)?;
    let mut table = Table::new("wakeups per connection", &["counted by", "wakeups"]);
    let mut witness = |by: &str, wakeups: Option<f64>| {
        let told = wakeups.map_or("not permitted".to_owned(), |count| format!("{count:.3}"));
        table.row([by.to_owned(), told]);
    };
    witness("voluntary context switches", row.wakeups_per_connection);
    witness(
        "tracepoint sched:sched_waking",
        row.wakeups_kernel_per_connection,
    );
    Ok(reading(kernel)
        .with(WAKEUPS, total_wakeups(&row))
        .table(table))
}
