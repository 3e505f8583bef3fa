//! The contention harness: every lock in every regime, in short windows, interleaved and shuffled.
//!
//! Only ratios within one run mean anything, so the windows of one regime lie next to each other in time, each round
//! in another order, and a window in which others used the CPU is refused and repeated while time allows.

pub mod arena;
pub mod contender;
pub mod render;
pub mod report;
pub mod svg;
pub mod window;

use contender::LockName;
pub use report::{Comparison, Row};
use std::io;
use std::time::{Duration, Instant};

use harness::clock::Work;
use harness::pin::cpus;
use harness::quiet::{Quiet, WINDOW_TOLERANCE, judge};
use harness::statistics::shuffle;
use window::{Regime, Setup, Window};

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
    /// No round but the first is begun and no window is repeated after this time.
    pub limit: Duration,
    /// No window at all is begun after this time; a row may then be without figures.
    pub bound: Duration,
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
    // Where nobody knows what others used, a window stands: its document says `null`.
    matches!(judge(window.others, WINDOW_TOLERANCE), Quiet::Disturbed(_))
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
            harness::limits::room_for_threads(regime.threads)
                .map_err(|limit| format!("--threads {}: {limit}", regime.threads))?;
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
        let of_each = self.rounds.saturating_add(1);
        (self.regimes.len() * self.locks.len()).saturating_mul(of_each)
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

        // The waits in the second round, so that a run that is cut short has timed them, too.
        let timed = |round| round == 1;
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
                    if started.elapsed() >= self.bound {
                        break;
                    }
                    open(cell, timed(round))?;
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
        Ok(Comparison::of(self, &cells, cpus.len()))
    }
}
