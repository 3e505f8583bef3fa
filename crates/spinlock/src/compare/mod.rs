//! The contention harness: every lock in every regime, in short windows, interleaved and shuffled.
//!
//! Only ratios within one run mean anything, so the windows of one regime lie next to each other in time, each round
//! in another order, and a window in which others used the CPU is refused and repeated while time allows.

pub mod bystanders;
pub mod contender;
pub mod render;
pub mod statistics;
pub mod svg;
pub mod window;

use crate::clock::{Work, cpus};
use contender::LockName;
use statistics::{jain, median, shuffle, spread};
use std::{
    io,
    time::{Duration, Instant},
};
use window::{Regime, Setup, Window};

/// A window is refused if others used more than this share of the CPUs.
pub const OTHERS_ALLOWED: f64 = 0.06;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The regimes, in the order of the tables.
    pub regimes: Vec<Regime>,
    /// The locks, in the order of the tables.
    pub locks: Vec<LockName>,
    /// Length of one window.
    pub window: Duration,
    /// Windows for each lock and regime; one more is run to time the waits.
    pub rounds: usize,
    /// No round is begun and no window is repeated after this time; one round is always run.
    pub limit: Duration,
    /// Orders the windows.
    pub seed: u64,
}

/// The default regimes: from one thread to four times as many as two CPUs, short sections and long.
pub const DEFAULT_REGIMES: &[Regime] = &[
    regime(1, 0, 0),
    regime(2, 0, 0),
    regime(2, 0, 100),
    regime(2, 1000, 0),
    regime(4, 0, 0),
    regime(4, 1000, 0),
    regime(8, 0, 0),
    regime(8, 0, 100),
    regime(8, 1000, 0),
    regime(8, 1000, 1000),
];

const fn regime(threads: usize, critical_ns: u64, think_ns: u64) -> Regime {
    Regime {
        threads,
        critical_ns,
        think_ns,
    }
}

/// One lock in one regime. Figures are medians over its windows; None where no window finished an operation.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Row {
    /// Which lock: see [`LockName`].
    pub lock: &'static str,
    /// Threads.
    pub threads: usize,
    /// Length of the critical section in ns.
    pub critical_ns: u64,
    /// Time between sections in ns.
    pub think_ns: u64,
    /// Length of the window by operations of all threads, in ns.
    pub ns_per_operation: Option<f64>,
    /// (largest - smallest) / median of `ns_per_operation` over the windows.
    pub spread: Option<f64>,
    /// Jain's index of the threads' operations: 1 all equal, 1/threads one has all.
    pub jain: Option<f64>,
    /// Threads without a single operation in a window.
    pub threads_at_zero: usize,
    /// CPU time, user and system, for one operation, in ns.
    pub cpu_ns_per_operation: Option<f64>,
    /// The longest wait in ns, those unfinished at the end of the window included.
    pub wait_max_ns: u64,
    /// The mean wait weighted by its length, in ns.
    pub wait_weighted_ns: f64,
    /// `ns_per_operation` by that of the best lock of the regime (`none` is no lock).
    pub ratio_to_best: Option<f64>,
    /// Windows that count here.
    pub windows: usize,
    /// Windows refused because others used the CPU.
    pub refused: usize,
    /// True if every window was refused: the figures are those of the least disturbed ones.
    pub disturbed: bool,
}

/// The outcome of a [`Plan`].
#[derive(Debug, Clone, serde::Serialize)]
pub struct Comparison {
    /// Version of this document.
    pub schema: u32,
    /// CPUs used.
    pub cpus: usize,
    /// False where sched_setaffinity(2) was refused.
    pub pinned: bool,
    /// False where neither control group nor /proc/stat told what others used.
    pub bystanders_seen: bool,
    /// Length of a window in ns.
    pub window_ns: u64,
    /// Orders the windows.
    pub seed: u64,
    /// Windows run.
    pub windows: usize,
    /// Windows refused.
    pub refused: usize,
    /// Lock by lock, regime by regime.
    pub rows: Vec<Row>,
}

/// All windows of one lock in one regime.
struct Cell {
    lock: LockName,
    regime: Regime,
    windows: Vec<Window>,
    timed: Vec<Window>,
}

impl Cell {
    fn good(&self) -> usize {
        self.windows
            .iter()
            .filter(|window| !refused(window))
            .count()
    }
}

fn refused(window: &Window) -> bool {
    window.others.is_some_and(|others| others > OTHERS_ALLOWED)
}

impl Plan {
    /// Refuses what cannot be measured.
    ///
    /// # Errors
    /// A sentence saying what is wrong with the plan and what would do.
    pub fn check(&self) -> Result<(), String> {
        if self.locks.is_empty() || self.regimes.is_empty() {
            return Err("nothing to compare: no lock or no regime".into());
        }
        if self.rounds == 0 || self.window < Duration::from_millis(1) {
            return Err("a window lasts at least 0.001 s, and there is at least one round".into());
        }
        for regime in &self.regimes {
            if regime.threads == 0 {
                return Err("0 threads contend for nothing: --threads takes 1 or more".into());
            }
            let operation = regime.critical_ns.saturating_add(regime.think_ns);
            if u128::from(operation) * 10 > self.window.as_nanos() {
                return Err(format!(
                    "a window of {:?} holds fewer than ten operations of {:?}: give --seconds {} or more",
                    self.window,
                    Duration::from_nanos(operation),
                    (operation as f64 * 10.0 / 1e9 * 1e3).ceil() / 1e3,
                ));
            }
        }
        Ok(())
    }

    /// Windows that a run without repetition takes.
    pub fn windows(&self) -> usize {
        self.regimes.len() * self.locks.len() * (self.rounds + 1)
    }

    /// Runs it. `progress` is called after each window with the number of windows done.
    ///
    /// # Errors
    /// Threads that cannot be created (EAGAIN: RLIMIT_NPROC, pids.max), an unreadable affinity mask.
    pub fn run(&self, mut progress: impl FnMut(usize)) -> io::Result<Comparison> {
        let started = Instant::now();
        let (cpus, work) = (cpus()?, Work::calibrate());
        let mut cells: Vec<Cell> = self
            .regimes
            .iter()
            .flat_map(|&regime| {
                self.locks.iter().map(move |&lock| Cell {
                    lock,
                    regime,
                    windows: Vec::new(),
                    timed: Vec::new(),
                })
            })
            .collect();
        let mut done = 0;
        let mut seed = self.seed;
        let mut open = |cell: &mut Cell, time_waits| -> io::Result<()> {
            let setup = Setup {
                regime: cell.regime,
                length: self.window,
                work,
                cpus: &cpus,
                time_waits,
            };
            let window = cell.lock.visit(setup)?;
            if time_waits {
                &mut cell.timed
            } else {
                &mut cell.windows
            }
            .push(window);
            done += 1;
            progress(done);
            Ok(())
        };

        // The waits first, so that a run that is cut short has timed them, too.
        for round in 0..=self.rounds {
            if round > 1 && started.elapsed() > self.limit {
                break;
            }
            let mut regimes: Vec<&mut [Cell]> = cells.chunks_mut(self.locks.len()).collect();
            shuffle(&mut regimes, &mut seed);
            for regime in regimes {
                let mut order: Vec<&mut Cell> = regime.iter_mut().collect();
                shuffle(&mut order, &mut seed);
                for cell in order {
                    open(cell, round == 0)?;
                }
            }
        }
        // Repeat the refused, those with the fewest good windows first.
        while started.elapsed() < self.limit {
            let Some(cell) = cells
                .iter_mut()
                .filter(|cell| cell.good() < self.rounds)
                .min_by_key(|cell| (cell.good(), cell.windows.len()))
            else {
                break;
            };
            open(cell, false)?;
        }
        Ok(self.summary(&cells, cpus.len()))
    }

    fn summary(&self, cells: &[Cell], cpus: usize) -> Comparison {
        let all = || cells.iter().flat_map(|cell| &cell.windows);
        let mut rows: Vec<Row> = cells.iter().map(|cell| row(cell, self.rounds)).collect();
        for regime in rows.chunks_mut(self.locks.len()) {
            let best = regime
                .iter()
                .filter(|row| row.lock != LockName::None.as_str())
                .filter_map(|row| row.ns_per_operation)
                .min_by(f64::total_cmp);
            for row in regime {
                row.ratio_to_best = row.ns_per_operation.zip(best).map(|(ns, best)| ns / best);
            }
        }
        Comparison {
            schema: 1,
            cpus,
            pinned: all().all(|window| window.pinned),
            bystanders_seen: all().all(|window| window.others.is_some()),
            window_ns: self.window.as_nanos() as u64,
            seed: self.seed,
            windows: all().count(),
            refused: all().filter(|window| refused(window)).count(),
            rows,
        }
    }
}

fn row(cell: &Cell, rounds: usize) -> Row {
    let mut windows: Vec<&Window> = cell.windows.iter().collect();
    // The refused last, the least disturbed of them first.
    windows.sort_by(|a, b| a.others.unwrap_or(0.0).total_cmp(&b.others.unwrap_or(0.0)));
    let good = cell.good();
    windows.truncate(if good == 0 { rounds } else { good });

    let ns: Vec<f64> = windows
        .iter()
        .map(|window| window.elapsed_ns as f64 / window.operations.iter().sum::<u64>() as f64)
        .filter(|ns| ns.is_finite())
        .collect();
    let over = |value: &dyn Fn(&Window) -> Option<f64>| {
        median(windows.iter().filter_map(|window| value(window)).collect())
    };
    let zero = over(&|window| {
        Some(
            window
                .operations
                .iter()
                .filter(|&&operations| operations == 0)
                .count() as f64,
        )
    });
    Row {
        lock: cell.lock.as_str(),
        threads: cell.regime.threads,
        critical_ns: cell.regime.critical_ns,
        think_ns: cell.regime.think_ns,
        spread: spread(&ns),
        jain: over(&|window| jain(&window.operations)),
        threads_at_zero: zero.unwrap_or(0.0).round() as usize,
        cpu_ns_per_operation: over(&|window| window.cpu_ns_per_operation),
        wait_max_ns: cell
            .timed
            .iter()
            .map(|window| window.waits.max_ns)
            .max()
            .unwrap_or(0),
        wait_weighted_ns: median(cell.timed.iter().map(|w| w.waits.weighted_ns()).collect())
            .unwrap_or(0.0),
        ns_per_operation: median(ns),
        ratio_to_best: None,
        windows: good,
        refused: cell.windows.len() - good,
        disturbed: good == 0,
    }
}
