//! "Exactly one", stated with care: at most one wakeup per connection. Connections of a burst may
//! share a wakeup, and where no process sleeps, none is woken.

use std::sync::atomic::Ordering::Relaxed;

use anyhow::Result;
use claim::Prediction::{AtLeast, AtMost, Between};
use claim::{Arm, Claim, Name, Quantity, Reading, Table};
use prefork::{Metering, Site, strategies};

use super::overtaken::{self, overtake};
use super::sleepers::accept_on_one_socket;
use super::{Bursts, measure_bursts};
use crate::client::{Client, wait_for_close};
use crate::counts::Counts;
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
const AT_ONCE: Quantity =
    Name("connections of a burst that were open at once").count(BURST as u64, 1);
const SHARED: Quantity =
    Name("workers asleep in accept4 on one and the same socket").count(WORKERS as u64, 0);
const ASLEEP: Quantity =
    Name("connections, of 8, for which the worker was woken").count(0, WAITING);
const AWAKE: Quantity =
    Name("connections, of 8, that it accepted without a sleep").count(WAITING, 0);

const TAKEN: Quantity = Name("connections taken by a running process before the worker they woke")
    .count(overtaken::CONNECTIONS, 0);
/// Each connection that was taken is one such wakeup; more are sleeps at the socket's own lock.
const FUTILE: Quantity = Name("wakeups of a worker in accept that brought it no connection")
    .predict(
        Between(
            overtaken::CONNECTIONS as f64,
            1.2 * overtaken::CONNECTIONS as f64,
        ),
        AtMost(2.0),
    );

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
    needs: &[claim::QUIET_MACHINE],
    syscalls: &["accept4", "getrusage", "sched_setscheduler"],
    man: &["accept(2)", "getrusage(2)", "sched(7)"],
    quantities: &[SHARED, AT_ONCE, WAKEUPS, ASLEEP, AWAKE, TAKEN, FUTILE],
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
        let woken = measure_bursts(
            strategy,
            WORKERS,
            (ROUNDS, burst),
            None,
            accept_on_one_socket,
        )?;
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
    let bursts = run_bursts(burst)?;
    run_bursts(4 * burst)?;
    let wakeups = bursts.sum(|counts| counts.sleeps) as f64 / (ROUNDS * burst) as f64;
    let (asleep, awake) = serve_alone(arm)?;
    let raced = overtake(arm)?;
    let mut race = Table::new(
        "one worker asleep in accept, one process that runs",
        &["", "wakeups", "returns", "accepted"],
    );
    let cells = [raced.wakeups, raced.returns, raced.accepted].map(|count| count.to_string());
    race.row(["the worker".to_owned()].into_iter().chain(cells));
    race.row(["the running process", "-", "-", &raced.taken.to_string()]);
    let reading = Reading::counters()
        .with(&SHARED, bursts.seen)
        .with(&AT_ONCE, bursts.at_once)
        .with(&WAKEUPS, wakeups)
        .with(&ASLEEP, asleep)
        .with(&AWAKE, awake)
        .with(&TAKEN, raced.taken)
        .with(&FUTILE, raced.wakeups.saturating_sub(raced.accepted))
        .table(table)
        .table(race);
    Ok(if arm == Arm::Experiment && wakeups > 1.0 {
        reading.caveat(format!(
            "{wakeups:.3} wakeups per connection: what is above 1 are sleeps of workers that met \
             at the listening socket's own lock, which voluntary context switches count, too"
        ))
    } else {
        reading
    })
}

/// How many of eight connections a lone worker got after a sleep, and how many without.
fn serve_alone(arm: Arm) -> Result<(u64, u64)> {
    let mut prepared = (strategies::by_name("blocking")?.prepare)(&Site::loopback(1))?;
    let address = prepared.address()?;
    let mut client = Client::new(address);
    let mut waiting = Vec::new();
    if arm == Arm::Experiment {
        for _ in 0..WAITING {
            waiting.push(client.connect()?);
        }
    }
    let mut worker = Workers::start(&mut prepared, 1, Metering::Counts)?;
    if arm == Arm::Control {
        for _ in 0..WAITING {
            worker.wait_until_asleep()?;
            wait_for_close(client.connect()?)?;
        }
    }
    for connection in waiting {
        wait_for_close(connection)?;
    }
    worker.settle()?;
    let tally = worker.tally(0);
    let (slept, accepted) = (tally.slept.load(Relaxed), tally.accepted.load(Relaxed));
    Ok((slept, accepted.saturating_sub(slept)))
}
