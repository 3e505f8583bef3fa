//! "Exactly one", stated with care: at most one wakeup per connection. Woken is not yet served, and
//! where nobody sleeps nobody is woken.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Context, Result};
use claim::{Arm, Claim, Prediction, Quantity, Reading, Table};

use super::each_woken;
use crate::client::{self, Client};
use crate::counts::Counts;
use crate::listen::Site;
use crate::strategies;
use crate::tally::Detail;
use crate::workers::Workers;

const WORKERS: usize = 8;
const ROUNDS: usize = 30;
const BURST: usize = 2;
/// Connections that wait before the one worker is forked.
const WAITING: u64 = 8;

const WAKEUPS: &str = "wakeups per connection, 8 workers, bursts of 2";
const ASLEEP: &str = "connections, of 8, for which the worker was woken";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "at-most-one-in-bursts",
    topic: "accept-queue",
    statement: "A connection wakes at most one process in accept: fewer in bursts, none where nobody \
                sleeps.",
    measures: "Eight workers block in accept; thirty times all are seen asleep and two connections come \
               at once. Then eight connections are queued before a lone worker is forked, which takes \
               them all.",
    control: "the eight workers sleep in poll; the lone worker sleeps before each connection",
    notes: &[11, 14],
    needs: &[claim::QUIET_MACHINE],
    syscalls: &["accept4", "getrusage"],
    man: &["accept(2)", "getrusage(2)"],
    quantities: &[
        Quantity {
            name: WAKEUPS,
            unit: "",
            // Two workers in accept at once may meet at the socket's own lock, which is no wakeup of
            // the accept queue: 1.04 has been seen.
            experiment: Prediction::AtMost(1.2),
            // Each burst finds eight asleep and wakes them all: four for each of its connections.
            control: Prediction::AtLeast(3.5),
        },
        Quantity {
            name: ASLEEP,
            unit: "",
            experiment: Prediction::Count(0),
            control: Prediction::Count(WAITING),
        },
    ],
    limit: Duration::from_secs(30),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let strategy = match arm {
        Arm::Experiment => "blocking",
        Arm::Control => "poll",
    };
    let columns = [
        "connections at once",
        "wakeups",
        "asleep again, no connection",
        "EAGAIN",
    ];
    let mut table = Table::new("per connection, 8 workers", &columns);
    let mut at_once = |burst: usize| -> Result<f64> {
        let rounds = each_woken(strategy, WORKERS, ROUNDS, burst)?;
        let per = |count: fn(&Counts) -> u64| {
            let sum: u64 = rounds
                .iter()
                .flatten()
                .map(|worker| count(&worker.counts))
                .sum();
            sum as f64 / (ROUNDS * burst) as f64
        };
        let (wakeups, slept) = (per(|counts| counts.sleeps), per(|counts| counts.slept));
        let told = [wakeups, wakeups - slept, per(|counts| counts.again)];
        let told = told.map(|value| format!("{value:.3}"));
        table.row([burst.to_string()].into_iter().chain(told));
        Ok(wakeups)
    };
    let of_two = at_once(BURST)?;
    at_once(4 * BURST)?;
    Ok(Reading::counters()
        .with(WAKEUPS, of_two)
        .with(ASLEEP, woken_for(arm)?)
        .note("woken is not served: a worker that still runs may take the connection first")
        .table(table))
}

/// How many of eight connections a lone worker got after a sleep.
fn woken_for(arm: Arm) -> Result<u64> {
    let mut prepared = (strategies::named("blocking")?.prepare)(&Site::loopback(1))?;
    let address = prepared.listeners[0].local_addr().context("getsockname")?;
    let mut client = Client::of(address);
    let mut waiting = Vec::new();
    if arm == Arm::Experiment {
        for _ in 0..WAITING {
            waiting.push(client.connect()?);
        }
    }
    let mut worker = Workers::start(&mut prepared, 1, Detail::Counts)?;
    if arm == Arm::Control {
        for _ in 0..WAITING {
            worker.asleep()?;
            client::end(client.connect()?)?;
        }
    }
    for connection in waiting {
        client::end(connection)?;
    }
    worker.settle()?;
    Ok(worker.tally(0).slept.load(Relaxed))
}
