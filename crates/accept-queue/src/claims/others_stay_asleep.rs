//! One connection, worker by worker: the one that got it ran, the others did not notice.

use std::time::Duration;

use anyhow::{Context, Result};
use claim::{Arm, Claim, Prediction, Quantity, Reading, Table};

use crate::client::{self, Client};
use crate::listen::Site;
use crate::strategies;
use crate::tally::Detail;
use crate::workers::Workers;

const WORKERS: usize = 8;

const UNTOUCHED: &str = "workers whose count of sleeps did not move";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "others-stay-asleep",
    topic: "accept-queue",
    statement: "One process gets the connection; the others stay asleep: they do not run at all.",
    measures: "Eight workers sleep in accept. Their voluntary context switches are read, one client \
               connects and is served, and they are read again once all sleep.",
    control: "the workers sleep in poll: each of the eight runs",
    notes: &[12],
    needs: &[],
    syscalls: &["accept4"],
    man: &["accept(2)", "proc_pid_status(5)"],
    quantities: &[Quantity {
        name: UNTOUCHED,
        unit: "",
        experiment: Prediction::Count(WORKERS as u64 - 1),
        control: Prediction::AtMost(1.0),
    }],
    limit: Duration::from_secs(10),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let strategy = strategies::named(match arm {
        Arm::Experiment => "blocking",
        Arm::Control => "poll",
    })?;
    let mut prepared = (strategy.prepare)(&Site::loopback(WORKERS))?;
    let address = prepared.listeners[0].local_addr().context("getsockname")?;
    let mut workers = Workers::start(&mut prepared, WORKERS, Detail::Counts)?;
    let before = workers.settle()?;
    client::end(Client::of(address).connect()?)?;
    let counts = workers.settle()?.since(&before);
    let columns = ["worker", "pid", "woke", "accepted"];
    let mut table = Table::new("what one connection did to each", &columns);
    for (index, (pid, count)) in workers.pids().iter().zip(&counts.each).enumerate() {
        let row = [index as u64, *pid as u64, count.sleeps, count.accepted];
        table.row(row.map(|number| number.to_string()));
    }
    let untouched = counts.each.iter().filter(|count| count.sleeps == 0).count();
    Ok(Reading::counters().with(UNTOUCHED, untouched).table(table))
}
