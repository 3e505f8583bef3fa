//! EPOLLEXCLUSIVE gives epoll what accept always had: an exclusive place in the wait queue.

use anyhow::Result;
use claim::Prediction::{AtLeast, Count};
use claim::{Arm, Claim, Name, Quantity, Reading, Table};

use super::measure_bursts;
use super::sleepers::exclusive_on_one_socket;

const WORKERS: usize = 8;
const CONNECTIONS: usize = 3;

const EXCLUSIVE: Quantity =
    Name("workers whose epoll instance has the one socket with EPOLLEXCLUSIVE")
        .count(WORKERS as u64, 0);
const WOKEN: Quantity = Name("workers that woke, over 3 connections").predict(
    Count(CONNECTIONS as u64),
    AtLeast(0.9 * (WORKERS * CONNECTIONS) as f64),
);

pub(super) const CLAIM: Claim = Claim {
    id: "exclusive-waiters",
    statement: "Registered with EPOLLEXCLUSIVE, epoll waiters are woken one at a time, as accept's \
                are.",
    measures: "Eight workers sleep in epoll_wait, each on an instance of its own that watches the \
               one socket with EPOLLEXCLUSIVE, as /proc/PID/fdinfo tells. For each of three \
               connections the workers whose count of sleeps moved are counted, which holds under \
               strace, too.",
    control: "the same without EPOLLEXCLUSIVE",
    notes: &[13, 14],
    syscalls: &["epoll_ctl", "epoll_wait", "accept4"],
    man: &["epoll_ctl(2)", "proc_pid_fdinfo(5)", "proc_pid_status(5)"],
    quantities: &[EXCLUSIVE, WOKEN],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let strategy = arm.choose("epoll-exclusive", "epoll-level");
    let woken = measure_bursts(
        strategy,
        WORKERS,
        (CONNECTIONS, 1),
        None,
        exclusive_on_one_socket,
    )?;
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
    Ok(Reading::counters()
        .with(&EXCLUSIVE, woken.seen)
        .with(&WOKEN, awake_in_all)
        .table(table)
        .note(
            "one wakeup, but not by turns: the worker registered first is told first (accept \
             itself rotates)",
        ))
}
