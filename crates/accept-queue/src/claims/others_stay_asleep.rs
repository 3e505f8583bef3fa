//! One connection, worker by worker: the one that got it ran, the others did not notice.

use std::time::Duration;

use anyhow::Result;
use claim::{Arm, Claim, Prediction, Quantity, Reading, Table};

use super::each_woken;
use super::sleepers::accept_on_one_socket;

const WORKERS: usize = 8;

const ASLEEP: &str = "workers asleep in accept4 on one and the same socket";
const UNTOUCHED: &str = "workers whose count of sleeps did not move";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "others-stay-asleep",
    topic: "accept-queue",
    statement: "One process gets the connection; the others stay asleep: they do not run at all.",
    measures: "Eight workers sleep in accept, all on one socket (/proc/PID/syscall). Their voluntary context switches are read, one client \
               connects and is served, and they are read again once all sleep.",
    control: "the workers sleep in poll: each of the eight runs",
    notes: &[12],
    needs: &[],
    syscalls: &["accept4"],
    man: &["accept(2)", "proc_pid_status(5)"],
    quantities: &[
        Quantity {
            name: ASLEEP,
            unit: "",
            experiment: Prediction::Count(WORKERS as u64),
            control: Prediction::Count(0),
        },
        Quantity {
            name: UNTOUCHED,
            unit: "",
            experiment: Prediction::Count(WORKERS as u64 - 1),
            control: Prediction::Count(0),
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
    let columns = ["worker", "pid", "woke", "accepted"];
    let mut table = Table::new("what one connection did to each", &columns);
    let mut untouched = 0u64;
    let woken = each_woken(strategy, WORKERS, (1, 1), None, accept_on_one_socket)?;
    for round in &woken.rounds {
        for (index, worker) in round.iter().enumerate() {
            let counts = worker.counts;
            untouched += u64::from(counts.sleeps == 0);
            let row = [
                index as u64,
                worker.pid as u64,
                counts.sleeps,
                counts.accepted,
            ];
            table.row(row.map(|number| number.to_string()));
        }
    }
    Ok(Reading::counters()
        .with(ASLEEP, woken.seen)
        .with(UNTOUCHED, untouched)
        .table(table))
}
