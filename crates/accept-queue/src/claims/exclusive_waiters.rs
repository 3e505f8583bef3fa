//! EPOLLEXCLUSIVE gives epoll what accept always had: an exclusive place in the wait queue.

use anyhow::Result;
use claim::Prediction::{AtLeast, Count};
use claim::{Act, Arm, Claim, InControl, Name, Quantity, Reading, Table};

use super::pool::COUNTED_BY_WORKERS;
use super::sleepers::{count_exclusive, show_watch};
use super::{acts, pool};
use crate::counts::Counter;

const WORKERS: usize = 8;
const CONNECTIONS: usize = 3;

const WOKEN: Quantity = Name("workers that woke, over 3 connections").predict(
    Count(CONNECTIONS as u64),
    AtLeast(0.9 * (WORKERS * CONNECTIONS) as f64),
);

const FORK: Act = acts::fork("forks eight workers", WORKERS);
const WATCH: Act = acts::watch(
    "watches the one listening socket with EPOLLEXCLUSIVE",
    acts::EXCLUSIVE,
    WORKERS,
)
.in_control(InControl::Instead("epoll_ctl", acts::LEVEL_TRIGGERED));
const CONNECT: Act = acts::connect("connects three times, while all workers sleep", CONNECTIONS);

pub(super) const CLAIM: Claim = Claim {
    id: "exclusive-waiters",
    statement: "Of processes that all sleep in epoll_wait, each registered with EPOLLEXCLUSIVE, a \
                connection wakes one, as it does in accept.",
    measures: "Eight workers sleep in epoll_wait, each on an instance of its own that watches the \
               one socket with EPOLLEXCLUSIVE. For each of three connections the workers whose \
               count of sleeps moved are counted, which holds under strace, too.",
    control: "the same without EPOLLEXCLUSIVE",
    notes: &[13, 14],
    lesson: Some("strace-herd-epoll"),
    acts: &[FORK, WATCH, CONNECT],
    man: &["epoll_ctl(2)", "proc_pid_fdinfo(5)", "proc_pid_status(5)"],
    quantities: &[WOKEN],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let strategy = arm.choose("epoll-exclusive", "epoll-level");
    let plan = (CONNECTIONS, 1);
    let woken = pool::measure_returns(strategy, WORKERS, plan, None, count_exclusive)?;
    let mut table = Table::new("who woke", &["connection", "woke", "accepted by"]);
    let mut awake_in_all = 0;
    for (number, round) in woken.rounds.iter().enumerate() {
        let awake = round
            .iter()
            .filter(|worker| worker.counts.sleeps > 0)
            .count();
        let served = round.iter().find(|worker| worker.counts.accepted > 0);
        let by = served.map_or("nobody".to_owned(), |worker| format!("pid {}", worker.pid));
        table.row([(number + 1).to_string(), awake.to_string(), by]);
        awake_in_all += awake;
    }
    let reading = show_watch(
        Reading::counters(),
        &WATCH,
        woken.asleep,
        (WORKERS, WORKERS),
    )?;
    let reading = reading
        .act(&FORK, woken.forked == WORKERS)
        .act(&CONNECT, woken.closed == CONNECTIONS)
        .with(&WOKEN, awake_in_all)
        .table(table);
    Ok(match woken.counter {
        Counter::Kernel => reading.note(
            "one wakeup, but not by turns: the worker registered first is told first (accept \
             itself rotates); and only among idle workers: epoll_ctl(2) promises one or more",
        ),
        Counter::Worker => reading.caveat(COUNTED_BY_WORKERS),
    })
}
