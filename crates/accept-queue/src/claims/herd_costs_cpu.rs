//! What the herd costs: CPU time of the workers per connection, both ways in one run.

use anyhow::{Result, ensure};
use claim::Prediction::{AtLeast, AtMost, Between};
use claim::{Arm, Claim, Name, Quantity, Reading, Table};
use harness::pin;
use prefork::{Metering, ensure_room_for};

use super::sleepers::count_level_triggered;
use super::start;
use crate::client::{Client, wait_for_close};
use crate::workers::Workers;

const WORKERS: usize = 100;
const ROUNDS: usize = 7;
const CONNECTIONS: usize = 6;

const ASLEEP: Quantity =
    Name("of the first 100, asleep in epoll_wait without EPOLLEXCLUSIVE").count(WORKERS as u64, 0);
const WAKEUPS: Quantity = Name("wakeups per connection of the first 100 workers").predict(
    Between(0.99 * WORKERS as f64, 1.02 * WORKERS as f64),
    Between(1.0, 1.1),
);
const RATIO: Quantity = Name("CPU per connection over that of wake-one, 100 workers")
    .predict(AtLeast(5.0), AtMost(1.5))
    .unit("x");

pub(super) const CLAIM: Claim = Claim {
    id: "herd-costs-cpu",
    statement: "Waking everyone costs CPU time: a connection to 100 workers that all wake for it \
                costs them a multiple of one to 100 workers of which one wakes.",
    measures: "Two sets of 100 workers sleep in epoll_wait side by side, the second with \
               EPOLLEXCLUSIVE. In seven rounds each is given six connections in turn, all on one \
               CPU. The ratio is that of the medians of their CPU time (/proc/PID/schedstat).",
    control: "the first set has EPOLLEXCLUSIVE, too",
    notes: &[13],
    needs: &[
        "/proc/PID/schedstat (CONFIG_SCHED_INFO)",
        claim::QUIET_MACHINE,
    ],
    syscalls: &["epoll_ctl", "epoll_wait", "accept4"],
    man: &["epoll_ctl(2)", "epoll(7)"],
    quantities: &[ASLEEP, WAKEUPS, RATIO],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let strategy = arm.choose("epoll-level", "epoll-exclusive");
    pin::stay_here()?;
    ensure_room_for(2 * WORKERS)?;
    let (mut herd, mut one) = (Herd::start(strategy)?, Herd::start("epoll-exclusive")?);
    let (mut herd_us, mut one_us) = (Vec::new(), Vec::new());
    herd.workers.settle()?;
    let asleep = count_level_triggered(&herd.workers)?;
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
        let cells = [values[0], median, values[ROUNDS - 1]].map(|us| format!("{us:.1}"));
        table.row([name.to_owned()].into_iter().chain(cells));
        median
    };
    let ratio = median(strategy, &mut herd_us) / median("epoll-exclusive", &mut one_us);
    let wakeups = wakeups as f64 / (ROUNDS * CONNECTIONS) as f64;
    Ok(Reading::counters()
        .with(&ASLEEP, asleep)
        .with(&WAKEUPS, wakeups)
        .with(&RATIO, ratio)
        .table(table))
}

struct Herd {
    workers: Workers,
    client: Client,
}

impl Herd {
    fn start(strategy: &str) -> Result<Self> {
        let (workers, address) = start(strategy, WORKERS, Metering::Nothing)?;
        let client = Client::new(address);
        Ok(Herd { workers, client })
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
