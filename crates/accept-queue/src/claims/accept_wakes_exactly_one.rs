//! The notes' heart: of eight processes blocked in accept, a connection wakes one.

use anyhow::Result;
use claim::Prediction::{AtLeast, Between};
use claim::{Arm, Claim, Name, Quantity, Reading, Table};

use super::sleepers::accept_on_one_socket;
use super::{TRACEPOINT_IF_ALLOWED, measure_bursts, reading, tracepoint};

const WORKERS: usize = 8;
const CONNECTIONS: usize = 50;

const ASLEEP: Quantity =
    Name("workers asleep in accept4 on one and the same socket").count(WORKERS as u64, 0);
const WOKE_ONE: Quantity =
    Name("connections, of 50, that woke exactly one worker").count(CONNECTIONS as u64, 0);
/// On a busy machine the worker that is awake may sleep once more, on a lock on its way.
const WAKEUPS: Quantity = Name("wakeups of 8 workers by 50 connections").predict(
    Between(CONNECTIONS as f64, 1.05 * CONNECTIONS as f64),
    AtLeast(0.99 * (WORKERS * CONNECTIONS) as f64),
);

pub(super) const CLAIM: Claim = Claim {
    id: "accept-wakes-exactly-one",
    statement: "When a connection arrives and processes sleep in accept, the kernel wakes exactly \
                one of them.",
    measures: "Eight workers block in accept; /proc/PID/syscall and /proc/PID/fd tell on which \
               socket. Fifty times: all are seen asleep, a client connects and is served. The \
               wakeups are counted.",
    control: "the workers sleep in poll on the same socket: all eight wake each time",
    notes: &[11, 14],
    needs: &[TRACEPOINT_IF_ALLOWED],
    syscalls: &["accept4", "perf_event_open"],
    man: &["accept(2)", "perf_event_open(2)"],
    quantities: &[ASLEEP, WOKE_ONE, WAKEUPS],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let tracepoint = tracepoint();
    let strategy = arm.choose("blocking", "poll");
    let woken = measure_bursts(
        strategy,
        WORKERS,
        (CONNECTIONS, 1),
        tracepoint.kernel,
        accept_on_one_socket,
    )?;
    let woke_one = woken.rounds.iter().filter(|round| {
        let awake = round.iter().filter(|worker| worker.counts.sleeps > 0);
        awake.count() == 1
    });
    let by_counters = woken.sum(|counts| counts.sleeps);
    let mut table = Table::new(
        "wakeups by 50 connections, each accepted",
        &["counted by", "wakeups"],
    );
    let mut line = |by: &str, wakeups: Option<u64>| {
        let cell = wakeups.map_or("not permitted".to_owned(), |count| count.to_string());
        table.row([by.to_owned(), cell]);
    };
    line("voluntary context switches", Some(by_counters));
    line("tracepoint sched:sched_waking", woken.by_tracepoint);
    Ok(reading(&tracepoint)
        .with(&ASLEEP, woken.seen)
        .with(&WOKE_ONE, woke_one.count())
        .with(&WAKEUPS, woken.by_tracepoint.unwrap_or(by_counters))
        .table(table))
}
