//! The claims, one a file; `ALL` is the order of the tour.

mod accept_mutex_cost;
mod accept_wakes_exactly_one;
mod acts;
mod arrivals;
mod at_most_one_in_bursts;
mod backlog_plus_one;
mod drain;
mod exclusive_waiters;
mod full_queue;
mod herd_costs_cpu;
mod listener_shared_by_fork;
mod others_stay_asleep;
mod overtaken;
mod pool;
mod queue_belongs_to_the_socket;
mod reuseport_splits_the_queue;
mod sleepers;
mod strace_makes_the_herd;
mod thundering_herd;
mod told;
mod workers_sleep_on_one_queue;

use std::time::{Duration, Instant};

use anyhow::Result;
use claim::{Claim, Reading};
use harness::wait;

use crate::herd::TracepointPermit;

/// Every claim of the topic.
pub const ALL: &[Claim] = &[
    listener_shared_by_fork::CLAIM,
    queue_belongs_to_the_socket::CLAIM,
    backlog_plus_one::CLAIM,
    workers_sleep_on_one_queue::CLAIM,
    accept_wakes_exactly_one::CLAIM,
    others_stay_asleep::CLAIM,
    thundering_herd::CLAIM,
    herd_costs_cpu::CLAIM,
    exclusive_waiters::CLAIM,
    at_most_one_in_bursts::CLAIM,
    reuseport_splits_the_queue::CLAIM,
    accept_mutex_cost::CLAIM,
    strace_makes_the_herd::CLAIM,
];

/// What the claims that need no privilege say of their stronger evidence.
const TRACEPOINT_IF_ALLOWED: &str =
    "root to count with sched:sched_waking too; without, voluntary context switches";

/// What enables a claim that must keep its workers on one CPU and cannot.
const WITHOUT_PINNING: &str = "allow sched_setaffinity(2)";

/// How long the kernel may take to show what a system call has set going.
const SETTLED: Duration = Duration::from_secs(3);

/// The tracepoint, where it may be used and has passed its self-check; else why not.
struct Tracepoint {
    kernel: Option<TracepointPermit>,
    refused: Option<String>,
}

fn tracepoint() -> Tracepoint {
    match TracepointPermit::obtain() {
        Ok(kernel) => Tracepoint {
            kernel: Some(kernel),
            refused: None,
        },
        Err(error) => Tracepoint {
            kernel: None,
            refused: Some(claim::error_chain(&error.into())),
        },
    }
}

/// An empty reading with the evidence that `tracepoint` gives, and a note where it gives none.
fn reading(tracepoint: &Tracepoint) -> Reading {
    match &tracepoint.refused {
        None => Reading::kernel(),
        Some(why) => Reading::counters().note(format!("without sched:sched_waking: {why}")),
    }
}

/// Waits until the kernel shows what is waited for.
///
/// # Errors
/// That of `shown`; it is not shown within three seconds.
fn wait_for(what: &str, shown: impl FnMut() -> Result<bool>) -> Result<()> {
    wait::until(what, SETTLED, shown)
}

/// Waits until the kernel shows something, or long enough to say that it does not: then what is
/// read decides.
///
/// # Errors
/// That of `shown`.
fn is_shown(shown: impl FnMut() -> Result<bool>) -> Result<bool> {
    is_shown_within(SETTLED, shown)
}

/// As [`is_shown`], with another time.
fn is_shown_within(limit: Duration, mut shown: impl FnMut() -> Result<bool>) -> Result<bool> {
    let start = Instant::now();
    loop {
        if shown()? {
            return Ok(true);
        }
        if start.elapsed() >= limit {
            return Ok(false);
        }
        std::thread::yield_now();
    }
}
