//! The thundering herd as it still is: a hundred pollers, and what becomes of the ninety-nine.

use anyhow::Result;
use claim::Prediction::{AtMost, Between};
use claim::{Act, Arm, Claim, InControl, Name, Quantity, Reading, Surprise, Table};

use super::acts::UNTRACED;
use super::pool::COUNTED_BY_WORKERS;
use super::sleepers::{count_level_triggered, show_watch};
use super::{TRACEPOINT_IF_ALLOWED, acts, pool, reading, tracepoint};
use crate::counts::{Counter, Counts};

const WORKERS: usize = 100;
const CONNECTIONS: usize = 20;

const WAKEUPS: Quantity =
    Name("wakeups per connection, 100 workers").predict(Between(99.0, 102.0), Between(1.0, 1.01));
const WASTED: Quantity = Name("of them wasted").predict(Between(98.0, 101.0), AtMost(0.01));

const FORK: Act = acts::fork("forks a hundred workers", WORKERS);
const WATCH: Act = acts::watch(
    "watches the one listening socket, level-triggered and without EPOLLEXCLUSIVE",
    acts::LEVEL_TRIGGERED,
    WORKERS,
)
.in_control(InControl::Instead("accept4", acts::NO_RETURN));
const CONNECT: Act = acts::connect(
    "connects twenty times, while all workers sleep",
    CONNECTIONS,
);

pub(super) const CLAIM: Claim = Claim {
    id: "thundering-herd",
    statement: "Where 100 processes wait for one socket by level-triggered epoll, a connection \
                wakes them all and 99 wake for nothing.",
    measures: "A hundred workers sleep in epoll_wait, each on an instance of its own; twenty \
               times, all are seen asleep and a client is served.",
    control: "a hundred workers that block in accept",
    surprise: Some(Surprise::Great(
        "one connection wakes 100 workers, 99 of them for nothing",
    )),
    notes: &[13, 14],
    example: Some("herd_by_poll"),
    needs: &[TRACEPOINT_IF_ALLOWED, claim::QUIET_MACHINE],
    acts: &[FORK, WATCH, UNTRACED, CONNECT],
    man: &["epoll(7)", "accept(2)"],
    quantities: &[WAKEUPS, WASTED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let tracepoint = tracepoint();
    let strategy = arm.choose("epoll-level", "blocking");
    let look = count_level_triggered;
    let plan = (CONNECTIONS, 1);
    let woken = pool::measure_returns(strategy, WORKERS, plan, tracepoint.kernel, look)?;
    let per = |count: u64| count as f64 / CONNECTIONS as f64;
    let sum = |count: fn(&Counts) -> u64| woken.sum(count);
    let sleeps = sum(|counts| counts.sleeps);
    let visible = sum(|counts| counts.empty);
    let wasted = per(sleeps.saturating_sub(sum(|counts| counts.slept)) + visible);
    let visible = per(visible);
    let columns = ["per connection", "the notes", "measured"];
    let mut table = Table::new("what the herd wastes", &columns);
    let mut line = |what: &str, notes: &str, measured: f64| {
        table.row([what.to_owned(), notes.to_owned(), format!("{measured:.2}")]);
    };
    line("wakeups and context switches for nothing", "99", wasted);
    line(
        "of them, returns to user space (mode transitions)",
        "99",
        visible,
    );
    line(
        "accept calls for nothing (EAGAIN)",
        "99",
        per(sum(|counts| counts.again)),
    );
    if arm == Arm::Experiment {
        woken.ensure_seen((WORKERS - 1) * CONNECTIONS)?;
    }
    let due = arm.choose(WORKERS, 0);
    let reading = show_watch(reading(&tracepoint), &WATCH, woken.asleep, (WORKERS, due))?;
    Ok(reading
        .act(&FORK, woken.forked == WORKERS)
        .act(&UNTRACED, woken.untraced)
        .act(&CONNECT, woken.closed == CONNECTIONS)
        .with(&WAKEUPS, per(woken.wakeups()))
        .with(&WASTED, wasted)
        .caveat(match woken.counter {
            Counter::Kernel => format!(
                "of {wasted:.1} wasted wakeups {visible:.2} return to user space; the others look \
                 again and sleep inside the kernel: context switches, but neither system calls \
                 nor mode transitions"
            ),
            Counter::Worker => COUNTED_BY_WORKERS.to_owned(),
        })
        .table(table))
}
