//! The notes' heart: of eight processes blocked in accept, a connection wakes one.

use anyhow::Result;
use claim::Prediction::{AtLeast, Between};
use claim::{Act, Arm, Claim, Name, Quantity, Reading, Table};

use super::acts::UNTRACED;
use super::sleepers::count_in_accept;
use super::{TRACEPOINT_IF_ALLOWED, acts, pool, reading, tracepoint};

const WORKERS: usize = 8;
const CONNECTIONS: usize = 50;

const WOKE_ONE: Quantity =
    Name("connections, of 50, that woke exactly one worker").count(CONNECTIONS as u64, 0);
/// On a busy machine the worker that is awake may sleep once more, on a lock on its way.
const WAKEUPS: Quantity = Name("wakeups of 8 workers by 50 connections").predict(
    Between(CONNECTIONS as f64, 1.05 * CONNECTIONS as f64),
    AtLeast(0.99 * (WORKERS * CONNECTIONS) as f64),
);

const FORK: Act = acts::fork("forks eight workers", WORKERS);
const ACCEPT: Act = acts::sleep_in_accept(WORKERS);
const CONNECT: Act = acts::connect("connects fifty times, while all workers sleep", CONNECTIONS);

pub(super) const CLAIM: Claim = Claim {
    id: "accept-wakes-exactly-one",
    statement: "When a connection arrives and processes sleep in accept, the kernel wakes exactly \
                one of them.",
    measures: "Eight workers block in accept on one socket. Fifty times: all are seen asleep, a \
               client connects and is served. The wakeups are counted.",
    control: "the workers sleep in poll on the same socket: all eight wake each time",
    notes: &[11, 14],
    example: Some("accept_in_four_children"),
    needs: &[TRACEPOINT_IF_ALLOWED],
    acts: &[FORK, ACCEPT, UNTRACED, CONNECT],
    man: &["accept(2)", "perf_event_open(2)"],
    quantities: &[WOKE_ONE, WAKEUPS],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let tracepoint = tracepoint();
    let strategy = arm.choose("blocking", "poll");
    let plan = (CONNECTIONS, 1);
    let woken = pool::measure(strategy, WORKERS, plan, tracepoint.kernel, count_in_accept)?;
    let woke_one = woken.rounds.iter().filter(|round| {
        let awake = round.iter().filter(|worker| worker.counts.sleeps > 0);
        awake.count() == 1
    });
    let mut table = Table::new(
        "wakeups by 50 connections, each accepted",
        &["counted by", "wakeups"],
    );
    let mut line = |by: &str, wakeups: Option<u64>| {
        let cell = wakeups.map_or("not permitted".to_owned(), |count| count.to_string());
        table.row([by.to_owned(), cell]);
    };
    line(
        "voluntary context switches",
        Some(woken.sum(|counts| counts.sleeps)),
    );
    line("tracepoint sched:sched_waking", woken.by_tracepoint);
    Ok(reading(&tracepoint)
        .act(&FORK, woken.forked == WORKERS)
        .act(&ACCEPT, woken.asleep == WORKERS)
        .act(&UNTRACED, woken.untraced)
        .act(&CONNECT, woken.closed == CONNECTIONS)
        .with(&WOKE_ONE, woke_one.count())
        .with(&WAKEUPS, woken.wakeups())
        .table(table))
}
