//! The order of the windows: interleaved, shuffled, the refused ones repeated.

use std::time::Instant;

use harness::clock::Work;
use harness::interrupt::{Interrupt, Interrupted};
use harness::pin::cpus;
use harness::quiet::{Quiet, WINDOW_TOLERANCE, judge};
use harness::statistics::shuffle;

use super::error::Error;
use super::lock_name::LockName;
use super::plan::ComparisonPlan;
use super::report::Comparison;
use super::window::{ContentionWindow, Regime, Setup, Timed};

/// The round in which the waits are timed: the second, so that a run that is cut short has timed
/// them, too.
const ROUND_OF_WAITS: usize = 1;

/// All windows of one lock in one regime.
pub(super) struct Cell {
    pub(super) lock: LockName,
    pub(super) regime: Regime,
    pub(super) windows: Vec<ContentionWindow>,
    /// Those in which the waits were timed.
    pub(super) timed: Vec<ContentionWindow>,
}

impl Cell {
    /// How many windows count.
    pub(super) fn usable_windows(&self) -> usize {
        let windows = self.windows.iter();
        windows.filter(|window| !is_refused(window)).count()
    }
}

/// Whether others used too much of the CPUs. Where it is not known what others used, a window
/// counts: its document says `null`.
pub(super) fn is_refused(window: &ContentionWindow) -> bool {
    matches!(judge(window.others, WINDOW_TOLERANCE), Quiet::Disturbed(_))
}

impl ComparisonPlan {
    /// Runs it. `progress` is called after each window with the number of windows done. A signal
    /// ends the run: the comparison is of the windows that were whole by then.
    ///
    /// # Errors
    /// Threads that cannot be created (EAGAIN: RLIMIT_NPROC, pids.max), an unreadable affinity
    /// mask.
    pub fn run(
        &self,
        interrupt: &Interrupt,
        progress: impl FnMut(usize),
    ) -> Result<Comparison, Error> {
        let mut run = Run {
            plan: self,
            interrupt,
            progress,
            cpus: cpus().map_err(Error::Affinity)?,
            work: Work::calibrate(),
            started: Instant::now(),
            seed: self.seed,
            cells: self.cells(),
            done: 0,
        };
        match run.measure() {
            Ok(()) | Err(Error::Interrupted(_)) => {}
            Err(error) => return Err(error),
        }
        // One that came after the last window has ended the run, too.
        let signal = interrupt.last().or_else(|| interrupt.take());
        Ok(
            Comparison::new(self, &run.cells, run.cpus.len())
                .marked_partial(signal, run.done, self),
        )
    }

    /// The cells without a window, regime by regime.
    fn cells(&self) -> Vec<Cell> {
        let regimes = self.regimes.iter();
        let cells = regimes.flat_map(|&regime| {
            self.locks.iter().map(move |&lock| Cell {
                lock,
                regime,
                windows: Vec::new(),
                timed: Vec::new(),
            })
        });
        cells.collect()
    }
}

/// A plan that is being run.
struct Run<'a, P> {
    plan: &'a ComparisonPlan,
    interrupt: &'a Interrupt,
    progress: P,
    cpus: Vec<usize>,
    work: Work,
    started: Instant,
    /// State of the shuffle.
    seed: u64,
    cells: Vec<Cell>,
    /// Windows so far.
    done: usize,
}

impl<P: FnMut(usize)> Run<'_, P> {
    fn measure(&mut self) -> Result<(), Error> {
        for round in 0..=self.plan.rounds {
            if round > ROUND_OF_WAITS && self.started.elapsed() > self.plan.limit {
                break;
            }
            self.round(round == ROUND_OF_WAITS)?;
        }
        self.repeat_refused()
    }

    /// A window for each cell, as long as there is time. Those of one regime lie next to each
    /// other.
    fn round(&mut self, time_waits: bool) -> Result<(), Error> {
        let locks = self.plan.locks.len();
        let mut regimes: Vec<usize> = (0..self.plan.regimes.len()).collect();
        shuffle(&mut regimes, &mut self.seed);
        for regime in regimes {
            let mut order: Vec<usize> = (regime * locks..(regime + 1) * locks).collect();
            shuffle(&mut order, &mut self.seed);
            for cell in order {
                if self.started.elapsed() >= self.plan.bound {
                    break;
                }
                self.open(cell, time_waits)?;
            }
        }
        Ok(())
    }

    /// Repeats refused windows, those of the cells with the fewest good ones first.
    fn repeat_refused(&mut self) -> Result<(), Error> {
        while self.started.elapsed() < self.plan.limit {
            let lacking = (0..self.cells.len())
                .filter(|&cell| self.cells[cell].usable_windows() < self.plan.rounds)
                .min_by_key(|&cell| {
                    let cell = &self.cells[cell];
                    (cell.usable_windows(), cell.windows.len())
                });
            let Some(cell) = lacking else { break };
            self.open(cell, false)?;
        }
        Ok(())
    }

    /// Runs one window of the cell with this index.
    fn open(&mut self, cell: usize, time_waits: bool) -> Result<(), Error> {
        if let Some(signal) = self.interrupt.take() {
            return Err(Interrupted(signal).into());
        }
        let cell = &mut self.cells[cell];
        let window = cell.lock.visit(Setup {
            regime: cell.regime,
            length: self.plan.window,
            work: self.work,
            cpus: &self.cpus,
            timed: match time_waits {
                true => Timed::Waits,
                false => Timed::Nothing,
            },
            interrupt: Some(self.interrupt),
        })?;
        if time_waits {
            cell.timed.push(window);
        } else {
            cell.windows.push(window);
        }
        self.done += 1;
        (self.progress)(self.done);
        Ok(())
    }
}
