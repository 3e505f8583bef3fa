//! What the herd costs: CPU time of the workers per connection, both ways in one run.

use anyhow::Result;
use claim::Prediction::{AtLeast, AtMost, Between};
use claim::{Act, Arm, Claim, InControl, Name, Quantity, Reading, Table};
use harness::pin;
use prefork::{Metering, ensure_room_for};

use super::acts::UNTRACED;
use super::pool::{Pool, serve_burst};
use super::sleepers::{
    are_on_one_cpu, are_untraced, count_children, count_exclusive, count_level_triggered,
};
use super::{WITHOUT_PINNING, acts};

const WORKERS: usize = 100;
const ROUNDS: usize = 7;
const CONNECTIONS: usize = 6;
/// Of both sets, with the first round, which meets cold pages and is not counted.
const CONNECTIONS_IN_ALL: usize = 2 * (1 + ROUNDS) * CONNECTIONS;

const WAKEUPS: Quantity = Name("wakeups per connection of the first 100 workers").predict(
    Between(0.99 * WORKERS as f64, 1.02 * WORKERS as f64),
    Between(1.0, 1.1),
);
const RATIO: Quantity = Name("CPU per connection over that of wake-one, 100 workers")
    .predict(AtLeast(2.0), AtMost(1.5))
    .unit("x");

const FORK: Act = acts::fork("forks two sets of a hundred workers", 2 * WORKERS);
const WATCH: Act = acts::watch(
    "watches, in the first set, its listening socket without EPOLLEXCLUSIVE",
    acts::LEVEL_TRIGGERED,
    WORKERS,
)
.in_control(InControl::Instead("epoll_ctl", acts::EXCLUSIVE));
const WATCH_EXCLUSIVELY: Act = acts::watch(
    "watches, in the second set, its listening socket with EPOLLEXCLUSIVE",
    acts::EXCLUSIVE,
    WORKERS,
);
const ONE_CPU: Act = acts::ONE_CPU.or_not_measured(WITHOUT_PINNING);
const CONNECT: Act = acts::connect(
    "connects six times in a round to each set",
    CONNECTIONS_IN_ALL,
);

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
    acts: &[FORK, WATCH, WATCH_EXCLUSIVELY, ONE_CPU, UNTRACED, CONNECT],
    man: &["epoll_ctl(2)", "epoll(7)"],
    quantities: &[WAKEUPS, RATIO],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let strategy = arm.choose("epoll-level", "epoll-exclusive");
    pin::stay_here()?;
    ensure_room_for(2 * WORKERS)?;
    let (mut herd, mut one) = (start(strategy)?, start("epoll-exclusive")?);
    for pool in [&mut herd, &mut one] {
        pool.workers.settle()?;
    }
    let level_triggered = count_level_triggered(&herd)?;
    let exclusive = count_exclusive(&one)?;
    let pids = [herd.workers.pids(), one.workers.pids()].concat();
    let (mut herd_us, mut one_us) = (Vec::new(), Vec::new());
    let (mut wakeups, mut closed) = (0, 0);
    for number in 0..=ROUNDS {
        let (a, b) = (round(&mut herd)?, round(&mut one)?);
        closed += a.closed + b.closed;
        if number > 0 {
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
        .act(
            &FORK,
            count_children(&pids, std::process::id())? == 2 * WORKERS,
        )
        .act(&WATCH, level_triggered == WORKERS)
        .act(&WATCH_EXCLUSIVELY, exclusive == WORKERS)
        .act(&ONE_CPU, are_on_one_cpu(&pids)?)
        .act(&UNTRACED, are_untraced(&pids)?)
        .act(&CONNECT, closed == CONNECTIONS_IN_ALL)
        .with(&WAKEUPS, wakeups)
        .with(&RATIO, ratio)
        .table(table))
}

fn start(strategy: &str) -> Result<Pool> {
    Pool::start(strategy, WORKERS, Metering::Nothing)
}

/// What a round of connections took.
struct Round {
    /// Connections that a worker closed.
    closed: usize,
    /// Wakeups of all workers.
    wakeups: u64,
    /// CPU time of all workers for one connection, in microseconds.
    cpu_us: f64,
}

/// Makes a round of connections, all workers asleep before each.
fn round(pool: &mut Pool) -> Result<Round> {
    let before = pool.workers.settle()?;
    let mut closed = 0;
    for _ in 0..CONNECTIONS {
        pool.workers.wait_until_asleep()?;
        closed += serve_burst(&mut pool.client, 1)?.1;
    }
    let spent = pool.workers.settle()?.since(&before);
    Ok(Round {
        closed,
        wakeups: spent.sum(|worker| worker.sleeps),
        cpu_us: spent.sum(|worker| worker.cpu_ns) as f64 / 1e3 / CONNECTIONS as f64,
    })
}
