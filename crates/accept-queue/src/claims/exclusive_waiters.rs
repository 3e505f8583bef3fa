//! EPOLLEXCLUSIVE gives epoll what accept always had: an exclusive place in the wait queue.

use std::time::Duration;

use anyhow::Result;
use claim::{Arm, Claim, Prediction, Quantity, Reading, Table};

use super::each_woken;
use super::sleepers::exclusive_on_one_socket;

const WORKERS: usize = 8;
const CONNECTIONS: usize = 3;

const EXCLUSIVE: &str = "workers whose epoll instance has the one socket with EPOLLEXCLUSIVE";
const WOKEN: &str = "workers that woke, over 3 connections";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "exclusive-waiters",
    topic: "accept-queue",
    statement: "Registered with EPOLLEXCLUSIVE, epoll waiters are woken one at a time, as accept's are.",
    measures: "Eight workers sleep in epoll_wait, each on an instance of its own that watches the one \
               socket with EPOLLEXCLUSIVE, as /proc/PID/fdinfo tells. For each of three connections the workers whose count of \
               sleeps moved are counted, which holds under strace, too.",
    control: "the same without EPOLLEXCLUSIVE",
    notes: &[13, 14],
    needs: &[],
    syscalls: &["epoll_ctl", "epoll_wait", "accept4"],
    man: &["epoll_ctl(2)", "proc_pid_fdinfo(5)", "proc_pid_status(5)"],
    quantities: &[
        Quantity {
            name: EXCLUSIVE,
            unit: "",
            experiment: Prediction::Count(WORKERS as u64),
            control: Prediction::Count(0),
        },
        Quantity {
            name: WOKEN,
            unit: "",
            experiment: Prediction::Count(CONNECTIONS as u64),
            control: Prediction::AtLeast(0.9 * (WORKERS * CONNECTIONS) as f64),
        },
    ],
    limit: Duration::from_secs(30),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let strategy = match arm {
        Arm::Experiment => "epoll-exclusive",
        Arm::Control => "epoll-level",
    };
    let woken = each_woken(
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
        .with(EXCLUSIVE, woken.seen)
        .with(WOKEN, awake_in_all)
        .table(table)
        .note(
            "one wakeup, but not by turns: the worker registered first is told first (accept itself \
             rotates)",
        ))
}
