//! "Exactly one", stated with care: at most one wakeup per connection. Woken is not yet served, and
//! where nobody sleeps nobody is woken.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Context, Result};
use claim::{Arm, Claim, Prediction, Quantity, Reading, Table};

use super::{TRACEPOINT_IF_ALLOWED, at_pace, kernel, reading, wakeups};
use crate::client::{self, Client};
use crate::herd::Pace;
use crate::listen::Site;
use crate::strategies;
use crate::tally::Detail;
use crate::workers::Workers;

const WORKERS: usize = 8;
const CONNECTIONS: u64 = 160;
/// Connections that wait before the one worker is forked.
const WAITING: u64 = 8;

const WAKEUPS: &str = "wakeups per connection, 8 workers, bursts of 8";
const ASLEEP: &str = "connections, of 8, for which the worker was woken";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "at-most-one-in-bursts",
    topic: "accept-queue",
    statement: "A connection wakes at most one process in accept: fewer in bursts, none where nobody \
                sleeps.",
    measures: "Eight workers block in accept and 160 connections come in bursts of eight. Then eight \
               connections are queued before a lone worker is forked, which takes them all.",
    control: "the eight workers sleep in poll; the lone worker sleeps before each connection",
    notes: &[11, 14],
    needs: &[TRACEPOINT_IF_ALLOWED],
    syscalls: &["accept4", "getrusage", "perf_event_open"],
    man: &["accept(2)", "getrusage(2)"],
    quantities: &[
        Quantity {
            name: WAKEUPS,
            unit: "",
            // Two workers in accept at once may meet at the socket's own lock, which is no wakeup of
            // the accept queue: 1.04 has been seen.
            experiment: Prediction::AtMost(1.2),
            control: Prediction::AtLeast(2.0),
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
    let kernel = kernel();
    let strategy = match arm {
        Arm::Experiment => "blocking",
        Arm::Control => "poll",
    };
    let columns = ["burst", "wakeups", "asleep again, no connection", "EAGAIN"];
    let mut table = Table::new("per connection, 8 workers", &columns);
    let mut in_bursts = |size| -> Result<f64> {
        let row = at_pace(Pace::Burst(size), strategy, WORKERS, CONNECTIONS, kernel)?;
        let told = [
            Some(wakeups(&row)),
            row.wasted_in_kernel,
            row.eagain_per_connection,
        ];
        let told = told.map(|value| value.map_or("-".to_owned(), |value| format!("{value:.3}")));
        table.row([size.to_string()].into_iter().chain(told));
        Ok(wakeups(&row))
    };
    in_bursts(2)?;
    let of_eight = in_bursts(8)?;
    Ok(reading(kernel)
        .with(WAKEUPS, of_eight)
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
