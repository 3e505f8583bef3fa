//! The claims, one a file; `ALL` is the order of the tour.

mod accept_mutex_cost;
mod accept_wakes_exactly_one;
mod at_most_one_in_bursts;
mod backlog_plus_one;
mod exclusive_waiters;
mod herd_costs_cpu;
mod listener_shared_by_fork;
mod others_stay_asleep;
mod overtaken;
mod queue_belongs_to_the_socket;
mod reuseport_splits_the_queue;
mod sleepers;
mod strace_makes_the_herd;
mod thundering_herd;
mod workers_sleep_on_one_queue;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use claim::{Claim, Reading};
use harness::wait;
use observe::sock_diag::ESTABLISHED;
use prefork::{Metering, Site, strategies};

use crate::client::{Client, wait_for_close};
use crate::counts::Counts;
use crate::herd::{HerdPlan, HerdRow, Pace, TracepointPermit, WASTE_NOT_SPLIT, measure};
use crate::workers::Workers;

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

/// The server has closed its end, and the client has not (`include/net/tcp_states.h`).
const CLOSE_WAIT: u8 = 8;

/// What the claims that need no privilege say of their stronger evidence.
const TRACEPOINT_IF_ALLOWED: &str =
    "root to count with sched:sched_waking too; without, voluntary context switches";

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

/// Measures one row; every worker sleeps in its call before each connection.
fn measure_row(
    strategy: &str,
    workers: usize,
    connections: u64,
    kernel: Option<TracepointPermit>,
) -> Result<HerdRow> {
    let plan = HerdPlan {
        site: Site::loopback(workers),
        connections,
        pace: Pace::AllAsleep,
        permit: kernel,
        metering: Metering::Counts,
    };
    let row = measure(strategies::by_name(strategy)?, &plan, None, &mut |_| {})?;
    ensure!(
        row.note.is_empty() || row.note == WASTE_NOT_SPLIT,
        "{strategy}, {workers} workers: {}",
        row.note
    );
    Ok(row)
}

/// What one worker did during one round.
struct WorkerRound {
    pid: i32,
    counts: Counts,
}

/// What [`measure_bursts`] found.
struct Bursts {
    /// Before the first connection: what `look` saw of the sleeping workers.
    seen: u64,
    /// For each burst what each worker did.
    rounds: Vec<Vec<WorkerRound>>,
    /// Most connections that the kernel showed made, and none of them ended, at once.
    at_once: u64,
    /// Wakeups over all bursts by the tracepoint, where it counted.
    by_tracepoint: Option<u64>,
}

impl Bursts {
    /// The sum of `count` over all workers and bursts.
    fn sum(&self, count: impl Fn(&Counts) -> u64) -> u64 {
        self.rounds
            .iter()
            .flatten()
            .map(|worker| count(&worker.counts))
            .sum()
    }
}

/// Forks so many workers that wait for connections in the way of `strategy`; and their address.
///
/// # Errors
/// Those of the strategy and of fork.
fn start(strategy: &str, workers: usize, metering: Metering) -> Result<(Workers, SocketAddr)> {
    let mut prepared = (strategies::by_name(strategy)?.prepare)(&Site::loopback(workers))?;
    let address = prepared.address()?;
    Ok((Workers::start(&mut prepared, workers, metering)?, address))
}

/// Makes `rounds` bursts of `burst` connections, all workers asleep before and after each.
///
/// # Errors
/// Those of the workers and of `look`; a connection that none of them accepted.
fn measure_bursts(
    strategy: &str,
    workers: usize,
    (rounds, burst): (usize, usize),
    kernel: Option<TracepointPermit>,
    look: fn(&Workers) -> Result<u64>,
) -> Result<Bursts> {
    let (mut workers, address) = start(strategy, workers, Metering::Counts)?;
    let mut client = Client::new(address);
    let mut before = workers.settle()?;
    let seen = look(&workers)?;
    let counter = kernel
        .map(|kernel| kernel.count_wakeups(&workers.pids()))
        .transpose()?;
    let mut woken = Bursts {
        seen,
        rounds: Vec::new(),
        at_once: 0,
        by_tracepoint: None,
    };
    for _ in 0..rounds {
        let mut open = Vec::with_capacity(burst);
        for _ in 0..burst {
            open.push(client.connect()?);
        }
        let mut at_once = 0;
        for connection in &open {
            let state = observe::tcp_info::read(connection)?.state;
            at_once += u64::from(matches!(state, ESTABLISHED | CLOSE_WAIT));
        }
        woken.at_once = woken.at_once.max(at_once);
        for connection in open {
            wait_for_close(connection)?;
        }
        let after = workers.settle()?;
        let counts = after.since(&before).each;
        let round = workers.pids().into_iter().zip(counts);
        let did = round
            .map(|(pid, counts)| WorkerRound { pid, counts })
            .collect();
        woken.rounds.push(did);
        before = after;
    }
    woken.by_tracepoint = counter.map(|counter| counter.read()).transpose()?;
    let (made, accepted) = (rounds * burst, woken.sum(|counts| counts.accepted));
    ensure!(
        accepted == made as u64,
        "{strategy}: {made} connections were due and {accepted} accepted"
    );
    Ok(woken)
}

/// An empty reading with the evidence that `tracepoint` gives, and a note where it gives none.
fn reading(tracepoint: &Tracepoint) -> Reading {
    match &tracepoint.refused {
        None => Reading::kernel(),
        Some(why) => Reading::counters().note(format!("without sched:sched_waking: {why}")),
    }
}

/// Wakeups per connection, by the best evidence of the row.
fn wakeups(row: &HerdRow) -> f64 {
    let best = row
        .wakeups_kernel_per_connection
        .or(row.wakeups_per_connection);
    best.unwrap_or(f64::NAN)
}

/// Waits until the kernel shows what is waited for.
///
/// # Errors
/// That of `shown`; it is not shown within three seconds.
fn wait_for(what: &str, shown: impl FnMut() -> Result<bool>) -> Result<()> {
    wait::until(what, Duration::from_secs(3), shown)
}
