//! What the herd costs: CPU time of the workers per connection, both ways in one run.

use anyhow::Result;
use claim::Prediction::{AtLeast, AtMost, Between};
use claim::{Act, Arm, Claim, InControl, Name, Quantity, Reading, Table};
use harness::pin;
use prefork::{Metering, ensure_room_for};

use super::acts::UNTRACED;
use super::pool::{Pool, ensure_counted, ensure_left_alone, serve_burst};
use super::sleepers::{
    are_on_one_cpu, are_untraced, count_children, count_exclusive, count_level_triggered,
};
use super::{WITHOUT_PINNING, acts};

const WORKERS: usize = 100;
const ROUNDS: usize = 7;
const CONNECTIONS: usize = 4;
/// Of both sets, with the first round, which meets cold pages and is not counted.
const CONNECTIONS_IN_ALL: usize = 2 * (1 + ROUNDS) * CONNECTIONS;

const WAKEUPS: Quantity = Name("wakeups per connection of the first 100 workers").predict(
    Between(0.99 * WORKERS as f64, 1.02 * WORKERS as f64),
    Between(1.0, 1.1),
);
const RATIO: Quantity = Name("CPU per connection over that of wake-one, 100 workers")
    .predict(AtLeast(2.0), AtMost(1.5))
    .unit("x")
    .main();

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
    "connects four times in a round to each set",
    CONNECTIONS_IN_ALL,
);

pub(super) const CLAIM: Claim = Claim {
    id: "herd-costs-cpu",
    statement: "Waking everyone costs CPU time: a connection to 100 workers that all wake for it \
                costs them a multiple of one to 100 workers of which one wakes.",
    measures: "Two sets of 100 workers sleep in epoll_wait side by side, the second with \
               EPOLLEXCLUSIVE. In seven rounds each is given four connections in turn, all on one \
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
    ensure_counted()?;
    pin::stay_here()?;
    ensure_room_for(2 * WORKERS)?;
    let (mut herd, mut one) = (start(strategy)?, start("epoll-exclusive")?);
    let pids = [herd.workers.pids(), one.workers.pids()].concat();
    let spent = measure_rounds(&mut herd, &mut one);
    for pool in [&herd, &one] {
        ensure_left_alone(&pool.workers)?;
    }
    let mut spent = spent?;
    let columns = ["workers", "least", "median", "most"];
    let mut table = Table::new("worker CPU per connection, us", &columns);
    let mut median = |name: &str, values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        // None where the first connections were not served.
        let at = |share: usize| values.get(share * values.len() / 2).or(values.last());
        let [least, median, most] = [0, 1, 2].map(|share| at(share).copied().unwrap_or_default());
        let cells = [least, median, most].map(|us| format!("{us:.1}"));
        table.row([name.to_owned()].into_iter().chain(cells));
        median
    };
    let ratio = median(strategy, &mut spent.herd_us) / median("epoll-exclusive", &mut spent.one_us);
    let wakeups = spent.wakeups as f64 / (ROUNDS * CONNECTIONS) as f64;
    Ok(Reading::counters()
        .act(
            &FORK,
            count_children(&pids, std::process::id())? == 2 * WORKERS,
        )
        .act(&WATCH, spent.level_triggered == WORKERS)
        .act(&WATCH_EXCLUSIVELY, spent.exclusive == WORKERS)
        .act(&ONE_CPU, are_on_one_cpu(&pids)?)
        .act(&UNTRACED, are_untraced(&pids)?)
        .act(&CONNECT, spent.closed == CONNECTIONS_IN_ALL)
        .with(&WAKEUPS, wakeups)
        .with(&RATIO, ratio)
        .table(table))
}

fn start(strategy: &str) -> Result<Pool> {
    Pool::start(strategy, WORKERS, Metering::Nothing)
}

/// What all rounds took.
#[derive(Default)]
struct Spent {
    /// Workers of the first set that slept in epoll without EPOLLEXCLUSIVE before the first round.
    level_triggered: usize,
    /// Workers of the second set that slept there with it.
    exclusive: usize,
    /// CPU time of the first set's workers for one connection, round by round, in microseconds.
    herd_us: Vec<f64>,
    /// That of the second set's.
    one_us: Vec<f64>,
    /// Wakeups of the first set's workers.
    wakeups: u64,
    /// Connections to both sets that a worker closed.
    closed: usize,
}

/// Gives each set its connections in turn; ends early where one is not served.
fn measure_rounds(herd: &mut Pool, one: &mut Pool) -> Result<Spent> {
    for pool in [&mut *herd, &mut *one] {
        pool.workers.settle()?;
    }
    let mut spent = Spent {
        level_triggered: count_level_triggered(herd)?,
        exclusive: count_exclusive(one)?,
        ..Spent::default()
    };
    for number in 0..=ROUNDS {
        let a = round(herd)?;
        spent.closed += a.closed;
        if a.closed < CONNECTIONS {
            break;
        }
        let b = round(one)?;
        spent.closed += b.closed;
        if number > 0 {
            spent.herd_us.push(a.cpu_us);
            spent.one_us.push(b.cpu_us);
            spent.wakeups += a.wakeups;
        }
        if b.closed < CONNECTIONS {
            break;
        }
    }
    Ok(spent)
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
    let pids = pool.workers.pids();
    let before = pool.workers.settle()?;
    let mut closed = 0;
    for _ in 0..CONNECTIONS {
        pool.workers.wait_until_asleep()?;
        let served = serve_burst(&mut pool.client, 1, &pids)?.1;
        closed += served;
        if served == 0 {
            break;
        }
    }
    let spent = pool.workers.settle()?.since(&before);
    Ok(Round {
        closed,
        wakeups: spent.sum(|worker| worker.sleeps),
        cpu_us: spent.sum(|worker| worker.cpu_ns) as f64 / 1e3 / CONNECTIONS as f64,
    })
}
