//! "Exactly one", stated with care: at most one wakeup per connection. Woken is not yet served, and
//! where nobody sleeps nobody is woken.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::counts::Counts;
use anyhow::Result;
use claim::{Arm, Claim, Prediction, Quantity, Reading, Table};
use prefork::Detail;
use prefork::Site;
use prefork::strategies;

use super::overtaken::{self, overtaken};
use super::sleepers::accept_on_one_socket;
use super::{Woken, each_woken};
use crate::client::{Client, wait_for_close};
use crate::workers::Workers;

const WORKERS: usize = 8;
const ROUNDS: usize = 30;
const BURST: usize = 2;
/// Connections that wait before the one worker is forked.
const WAITING: u64 = 8;

const WAKEUPS: &str = "wakeups per connection, 8 workers, bursts of 2";
const AT_ONCE: &str = "connections of a burst that were open at once";
const SHARED: &str = "workers asleep in accept4 on one and the same socket";
const ASLEEP: &str = "connections, of 8, for which the worker was woken";
const AWAKE: &str = "connections, of 8, that it accepted without a sleep";

const TAKEN: &str = "connections taken by a running process before the worker they woke";
const FUTILE: &str = "wakeups of a worker in accept that brought it no connection";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "at-most-one-in-bursts",
    topic: "accept-queue",
    statement: "A connection wakes at most one process in accept: none where nobody sleeps; and woken is \
                not served, since one that is running may take it first.",
    measures: "Eight workers block in accept; thirty times all are seen asleep and two connections come \
               at once. Then eight connections are queued before a lone worker is forked, which takes \
               them all. Last, connections wake a lone worker, and the process that makes them accepts \
               before it leaves the CPU, until it has taken twenty.",
    control: "the eight workers sleep in poll and the connections come one by one; the lone worker sleeps before each connection; nobody but \
              the worker accepts",
    notes: &[11, 14],
    needs: &[claim::QUIET_MACHINE],
    syscalls: &["accept4", "getrusage", "sched_setscheduler"],
    man: &["accept(2)", "getrusage(2)", "sched(7)"],
    quantities: &[
        Quantity {
            name: SHARED,
            unit: "",
            experiment: Prediction::Count(WORKERS as u64),
            control: Prediction::Count(0),
        },
        Quantity {
            name: AT_ONCE,
            unit: "",
            experiment: Prediction::Count(BURST as u64),
            control: Prediction::Count(1),
        },
        Quantity {
            name: WAKEUPS,
            unit: "",
            // A burst finds all asleep, so it wakes one at least: 0.5 for each of its connections. Two
            // workers in accept at once may meet at the socket's own lock, which is no wakeup of the
            // accept queue: 1.04 has been seen.
            experiment: Prediction::Between(1.0 / BURST as f64, 1.2),
            control: Prediction::AtLeast(0.9 * WORKERS as f64),
        },
        Quantity {
            name: ASLEEP,
            unit: "",
            experiment: Prediction::Count(0),
            control: Prediction::Count(WAITING),
        },
        Quantity {
            name: AWAKE,
            unit: "",
            experiment: Prediction::Count(WAITING),
            control: Prediction::Count(0),
        },
        Quantity {
            name: TAKEN,
            unit: "",
            experiment: Prediction::Count(overtaken::CONNECTIONS),
            control: Prediction::Count(0),
        },
        Quantity {
            name: FUTILE,
            unit: "",
            // Each of them is one; more are sleeps at the socket's own lock.
            experiment: Prediction::Between(
                overtaken::CONNECTIONS as f64,
                1.2 * overtaken::CONNECTIONS as f64,
            ),
            control: Prediction::AtMost(2.0),
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
    let mut at_once = |burst: usize| -> Result<Woken> {
        let woken = each_woken(
            strategy,
            WORKERS,
            (ROUNDS, burst),
            None,
            accept_on_one_socket,
        )?;
        let made = (ROUNDS * burst) as f64;
        let per = |count: fn(&Counts) -> u64| woken.sum(count) as f64 / made;
        let (wakeups, slept) = (per(|counts| counts.sleeps), per(|counts| counts.slept));
        let told = [wakeups, wakeups - slept, per(|counts| counts.again)];
        let told = told.map(|value| format!("{value:.3}"));
        table.row([burst.to_string()].into_iter().chain(told));
        Ok(woken)
    };
    // One by one, poll wakes all for each; of a burst two connections may share a wakeup there.
    let burst = match arm {
        Arm::Experiment => BURST,
        Arm::Control => 1,
    };
    let of_two = at_once(burst)?;
    at_once(4 * burst)?;
    let wakeups = of_two.sum(|counts| counts.sleeps) as f64 / (ROUNDS * burst) as f64;
    let (asleep, awake) = alone(arm)?;
    let raced = overtaken(arm)?;
    let mut race = Table::new(
        "one worker asleep in accept, one process that runs",
        &["", "wakeups", "returns", "accepted"],
    );
    let told = [raced.wakeups, raced.returns, raced.accepted].map(|count| count.to_string());
    race.row(["the worker".to_owned()].into_iter().chain(told));
    race.row(["the running process", "-", "-", &raced.taken.to_string()]);
    let reading = Reading::counters()
        .with(SHARED, of_two.seen)
        .with(AT_ONCE, of_two.at_once)
        .with(WAKEUPS, wakeups)
        .with(ASLEEP, asleep)
        .with(AWAKE, awake)
        .with(TAKEN, raced.taken)
        .with(FUTILE, raced.wakeups.saturating_sub(raced.accepted))
        .table(table)
        .table(race);
    Ok(if arm == Arm::Experiment && wakeups > 1.0 {
        reading.caveat(format!(
            "{wakeups:.3} wakeups per connection: what is above 1 are sleeps of workers that met at the \
             listening socket's own lock, which voluntary context switches count, too"
        ))
    } else {
        reading
    })
}

/// How many of eight connections a lone worker got after a sleep, and how many without.
fn alone(arm: Arm) -> Result<(u64, u64)> {
    let mut prepared = (strategies::by_name("blocking")?.prepare)(&Site::loopback(1))?;
    let address = prepared.address()?;
    let mut client = Client::new(address);
    let mut waiting = Vec::new();
    if arm == Arm::Experiment {
        for _ in 0..WAITING {
            waiting.push(client.connect()?);
        }
    }
    let mut worker = Workers::start(&mut prepared, 1, Detail::Counts)?;
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
