//! EPOLLEXCLUSIVE gives epoll what accept always had: an exclusive place in the wait queue.

use std::time::Duration;

use anyhow::Result;
use claim::{Arm, Claim, Prediction, Quantity, Reading};

use super::{TRACEPOINT_IF_ALLOWED, kernel, paced, reading, total_wakeups};

const WORKERS: usize = 8;
const CONNECTIONS: u64 = 50;

const WAKEUPS: &str = "wakeups of 8 workers by 50 connections";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "exclusive-waiters",
    topic: "accept-queue",
    statement: "Registered with EPOLLEXCLUSIVE, epoll waiters are woken one at a time, as accept's are.",
    measures: "Eight workers sleep in epoll_wait, each on an instance of its own that watches the one \
               socket with EPOLLEXCLUSIVE; fifty connections, all asleep before each.",
    control: "the same without EPOLLEXCLUSIVE",
    notes: &[13, 14],
    needs: &[TRACEPOINT_IF_ALLOWED],
    syscalls: &["epoll_ctl", "epoll_wait", "accept4", "perf_event_open"],
    man: &["epoll_ctl(2)"],
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
        Arm::Experiment => "epoll-exclusive",
        Arm::Control => "epoll-level",
    };
    let row = paced(strategy, WORKERS, CONNECTIONS, kernel)?;
    let (min, max) = (row.accepted_min.unwrap_or(0), row.accepted_max.unwrap_or(0));
    Ok(reading(kernel).with(WAKEUPS, total_wakeups(&row)).note(format!(
        "one wakeup, but not by turns: a worker accepted {min} to {max} of {CONNECTIONS} (accept itself \
         rotates)"
    )))
}
