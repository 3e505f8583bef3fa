//! What the herd costs: CPU time of the workers per connection, both ways in one run.

use std::time::Duration;

use anyhow::{Result, ensure};
use claim::{Arm, Claim, Prediction, Quantity, Reading, Table};
use harness::pin;
use prefork::Detail;
use prefork::Site;
use prefork::ensure_room_for;
use prefork::strategies;

use super::sleepers::level_on_one_socket;
use crate::client::{Client, wait_for_close};
use crate::workers::Workers;

const WORKERS: usize = 100;
const ROUNDS: usize = 7;
const CONNECTIONS: usize = 6;

const ASLEEP: &str = "of the first 100, asleep in epoll_wait without EPOLLEXCLUSIVE";
const WAKEUPS: &str = "wakeups per connection of the first 100 workers";
const RATIO: &str = "CPU per connection over that of wake-one, 100 workers";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "herd-costs-cpu",
    topic: "accept-queue",
    statement: "Waking everyone costs CPU time: a connection to 100 workers that all wake for it costs \
                them a multiple of one to 100 workers of which one wakes.",
    measures: "Two sets of 100 workers sleep in epoll_wait side by side, the second with EPOLLEXCLUSIVE. In \
               seven rounds each is given six connections in turn, all on one CPU. The ratio is that of \
               the medians of their CPU time (/proc/PID/schedstat).",
    control: "the first set has EPOLLEXCLUSIVE, too",
    notes: &[13],
    needs: &[
        "/proc/PID/schedstat (CONFIG_SCHED_INFO)",
        claim::QUIET_MACHINE,
    ],
    syscalls: &["epoll_ctl", "epoll_wait", "accept4"],
    man: &["epoll_ctl(2)", "epoll(7)"],
    quantities: &[
        Quantity {
            name: ASLEEP,
            unit: "",
            experiment: Prediction::Count(WORKERS as u64),
            control: Prediction::Count(0),
        },
        Quantity {
            name: WAKEUPS,
            unit: "",
            experiment: Prediction::Between(0.99 * WORKERS as f64, 1.02 * WORKERS as f64),
            control: Prediction::Between(1.0, 1.1),
        },
        Quantity {
            name: RATIO,
            unit: "x",
            experiment: Prediction::AtLeast(5.0),
            control: Prediction::AtMost(1.5),
        },
    ],
    limit: Duration::from_secs(30),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let strategy = match arm {
        Arm::Experiment => "epoll-level",
        Arm::Control => "epoll-exclusive",
    };
    pin::stay_here()?;
    ensure_room_for(2 * WORKERS)?;
    let (mut herd, mut one) = (Herd::start(strategy)?, Herd::start("epoll-exclusive")?);
    let (mut herd_us, mut one_us) = (Vec::new(), Vec::new());
    herd.workers.settle()?;
    let asleep = level_on_one_socket(&herd.workers)?;
    let mut wakeups = 0;
    // The first round meets cold pages and is not counted.
    for round in 0..=ROUNDS {
        let (a, b) = (herd.round()?, one.round()?);
        if round > 0 {
            herd_us.push(a.cpu_us);
            one_us.push(b.cpu_us);
            wakeups += a.wakeups;
        }
    }
    let columns = ["workers", "least", "median", "most"];
    let mut table = Table::new("worker CPU per connection, us", &columns);
    let mut median = |name: &str, values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        let median = values[ROUNDS / 2];
        let told = [values[0], median, values[ROUNDS - 1]].map(|us| format!("{us:.1}"));
        table.row([name.to_owned()].into_iter().chain(told));
        median
    };
    let ratio = median(strategy, &mut herd_us) / median("epoll-exclusive", &mut one_us);
    let wakeups = wakeups as f64 / (ROUNDS * CONNECTIONS) as f64;
    Ok(Reading::counters()
        .with(ASLEEP, asleep)
        .with(WAKEUPS, wakeups)
        .with(RATIO, ratio)
        .table(table))
}

struct Herd {
    workers: Workers,
    client: Client,
}

impl Herd {
    fn start(strategy: &str) -> Result<Self> {
        let mut prepared = (strategies::by_name(strategy)?.prepare)(&Site::loopback(WORKERS))?;
        let address = prepared.address()?;
        Ok(Herd {
            workers: Workers::start(&mut prepared, WORKERS, Detail::Nothing)?,
            client: Client::new(address),
        })
    }

    /// Makes a round of connections.
    fn round(&mut self) -> Result<Round> {
        let before = self.workers.settle()?;
        for _ in 0..CONNECTIONS {
            self.workers.wait_until_asleep()?;
            wait_for_close(self.client.connect()?)?;
        }
        let spent = self.workers.settle()?.since(&before);
        let wakeups = spent.sum(|worker| worker.sleeps);
        ensure!(
            wakeups >= CONNECTIONS as u64,
            "{wakeups} wakeups by {CONNECTIONS} connections that found all asleep"
        );
        Ok(Round {
            wakeups,
            cpu_us: spent.sum(|worker| worker.cpu_ns) as f64 / 1e3 / CONNECTIONS as f64,
        })
    }
}

/// What a round of connections took.
struct Round {
    /// Wakeups of all workers.
    wakeups: u64,
    /// CPU time of all workers for one connection, in microseconds.
    cpu_us: f64,
}
