//! "Exactly one", stated with care: at most one wakeup per connection. Connections of a burst may
//! share a wakeup, and where no process sleeps, none is woken.

use anyhow::Result;
use claim::Prediction::{AtLeast, AtMost, Between};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading, Table};
use observe::tcp_info;
use prefork::{Metering, Site, strategies};

use super::acts::{self, LONE_WORKER, UNTRACED};
use super::overtaken::{self, OVERTAKE, overtake};
use super::pool::{self, Bursts, ensure_left_alone, ensure_queue_holds, wait_until_served};
use super::sleepers::{count_children, count_in_accept};
use super::told::ensure_queue_is_told;
use super::wait_for;
use crate::client::Client;
use crate::counts::{Counts, Snapshot};
use crate::workers::Workers;

const WORKERS: usize = 8;
const ROUNDS: usize = 30;
const BURST: usize = 2;
/// Connections that wait before the one worker is forked.
const WAITING: u64 = 8;

/// A burst finds all workers asleep, so it wakes at least one: 0.5 for each of its connections. Two
/// workers in accept at once may meet at the socket's own lock, which is no wakeup of the
/// accept queue: 1.04 has been seen.
const WAKEUPS: Quantity = Name("wakeups per connection, 8 workers, bursts of 2").predict(
    Between(1.0 / BURST as f64, 1.2),
    AtLeast(0.9 * WORKERS as f64),
);
/// It sleeps once more when all have been served, and perhaps as it starts.
const SLEEPS: Quantity = Name("sleeps of a lone worker by the time it had served 8 connections")
    .predict(AtMost(4.0), AtLeast(WAITING as f64));
/// Each connection that was taken is one such wakeup; more are sleeps at the socket's own lock.
const FUTILE: Quantity = Name("wakeups of a worker in accept that brought it no connection")
    .predict(AtLeast(overtaken::CONNECTIONS as f64), AtMost(2.0));

const FORK: Act = acts::fork("forks eight workers", WORKERS);
const ACCEPT: Act = acts::sleep_in_accept(WORKERS);
const CONNECT: Act = acts::connect("connects thirty times, while all workers sleep", ROUNDS);
const AT_ONCE: Act = Does("connects a second time before it waits for the first to be served")
    .call("connect", "AF_INET")
    .times(BURST * ROUNDS)
    .shown_by("TCP_INFO of both clients of a burst: neither has closed yet")
    .in_control(InControl::Either);
const FORK_ALONE: Act = Does("forks a lone worker once all connections wait that are to be there")
    .call("clone", "SIGCHLD")
    .shown_by("TCP_INFO of the listening socket before the fork: that many; PPid of the worker");

pub(super) const CLAIM: Claim = Claim {
    id: "at-most-one-in-bursts",
    statement: "A connection wakes at most one process in accept: none where nobody sleeps; and \
                woken is not served, since one that is running may take it first.",
    measures: "Eight workers block in accept; thirty times all are seen asleep and two connections \
               come at once. Then eight connections are queued before a lone worker is forked, \
               which takes them all. Last, connections wake a lone worker, and the process that \
               makes them accepts before it leaves the CPU, until it has taken twenty.",
    control: "the eight workers sleep in poll and the connections come one by one; the lone worker \
              sleeps before each connection; nobody but the worker accepts",
    notes: &[11, 14],
    example: Some("accept_in_four_children"),
    needs: &[claim::QUIET_MACHINE],
    acts: &[
        FORK, ACCEPT, UNTRACED, CONNECT, AT_ONCE, FORK_ALONE, OVERTAKE,
    ],
    man: &["accept(2)", "sched(7)"],
    quantities: &[WAKEUPS, SLEEPS, FUTILE],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let strategy = arm.choose("blocking", "poll");
    let columns = [
        "connections at once",
        "wakeups",
        "asleep again, no connection",
        "EAGAIN",
    ];
    let mut table = Table::new("per connection, 8 workers", &columns);
    let mut run_bursts = |burst: usize| -> Result<Bursts> {
        let woken = pool::measure(strategy, WORKERS, (ROUNDS, burst), None, count_in_accept)?;
        let made = (ROUNDS * burst) as f64;
        let per = |count: fn(&Counts) -> u64| woken.sum(count) as f64 / made;
        let (wakeups, slept) = (per(|counts| counts.sleeps), per(|counts| counts.slept));
        let cells = [wakeups, wakeups - slept, per(|counts| counts.again)];
        let cells = cells.map(|value| format!("{value:.3}"));
        table.row([burst.to_string()].into_iter().chain(cells));
        Ok(woken)
    };
    // One connection at a time: poll wakes all workers for each. In a burst, two connections could
    // share a wakeup of poll.
    let burst = arm.choose(BURST, 1);
    let alone = serve_alone(arm)?;
    let bursts = run_bursts(burst)?;
    run_bursts(4 * burst)?;
    let wakeups = bursts.sum(|counts| counts.sleeps) as f64 / (ROUNDS * burst) as f64;
    let raced = overtake(arm)?;
    let reading = Reading::counters()
        .act(&FORK, bursts.forked == WORKERS)
        .act(&ACCEPT, bursts.asleep == WORKERS)
        .act(&UNTRACED, bursts.untraced)
        .act(&CONNECT, bursts.closed == ROUNDS * burst)
        .act(&AT_ONCE, bursts.at_once == BURST as u64)
        .act(&FORK_ALONE, alone.queued == Some(arm.choose(WAITING, 0)))
        .act(&OVERTAKE, raced.taken == overtaken::CONNECTIONS)
        .with(&WAKEUPS, wakeups)
        .with(&SLEEPS, alone.sleeps)
        .with(&FUTILE, raced.wakeups.saturating_sub(raced.accepted))
        .table(table)
        .table(raced.table());
    Ok(if arm == Arm::Experiment && wakeups > 1.0 {
        reading.caveat(format!(
            "{wakeups:.3} wakeups per connection: what is above 1 are sleeps of workers that met \
             at the listening socket's own lock, which voluntary context switches count, too"
        ))
    } else {
        reading
    })
}

/// What became of eight connections to a lone worker.
struct Alone {
    /// Connections that waited when the worker, a child of this process, was forked.
    queued: Option<u64>,
    /// How often it slept, from its start until all eight were served.
    sleeps: u64,
}

/// Queues eight connections and forks a worker; in the control the worker sleeps before each.
fn serve_alone(arm: Arm) -> Result<Alone> {
    let mut prepared = (strategies::by_name("blocking")?.prepare)(&Site::loopback(1))?;
    let mut client = Client::new(prepared.address()?);
    ensure_queue_is_told(&prepared.listeners[0])?;
    ensure_queue_holds(WAITING as usize, &prepared.listeners[0])?;
    let due = arm.choose(WAITING, 0);
    let mut waiting = Vec::new();
    for _ in 0..due {
        waiting.push(client.connect()?);
    }
    let queued = || -> Result<u64> {
        let listener = &prepared.listeners[0];
        Ok(tcp_info::read(listener)?.unacked.into())
    };
    wait_for("the connections in the queue", || Ok(queued()? == due))?;
    let queued = queued()?;
    let mut worker = Workers::start_as(LONE_WORKER, &mut prepared, 1, Metering::Counts)?;
    let pids = worker.pids();
    let is_child = count_children(&pids, std::process::id())? == 1;
    let serve = || -> Result<Snapshot> {
        for _ in 0..WAITING - due {
            worker.wait_until_asleep()?;
            wait_until_served(&client.connect()?, &pids)?;
        }
        for connection in waiting {
            wait_until_served(&connection, &pids)?;
        }
        Ok(worker.settle()?)
    };
    let counted = serve();
    ensure_left_alone(&worker)?;
    let counted = counted?;
    Ok(Alone {
        queued: is_child.then_some(queued),
        sleeps: counted.sum(|worker| worker.sleeps),
    })
}
