//! The result of a comparison: rows of medians, and the document around them.

use harness::statistics::{jain, median, spread};
use nix::sys::signal::Signal;

use super::environment::Environment;
use super::lock_name::LockName;
use super::plan::ComparisonPlan;
use super::run::{Cell, is_refused};
use super::window::ContentionWindow;
use crate::partial::PartialMeasurement;

/// One lock in one regime. Figures are medians over its windows; None where no window was run or
/// none finished an operation.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ComparisonRow {
    /// Which lock: see [`LockName`].
    pub lock: &'static str,
    /// Threads.
    pub threads: usize,
    /// Length of the critical section in ns.
    pub critical_ns: u64,
    /// Time between sections in ns.
    pub think_ns: u64,
    /// Length of the window by operations of all threads, in ns. A window without any counts with
    /// its whole length, which is the least that an operation can have taken.
    pub ns_per_operation: Option<f64>,
    /// (largest - smallest) / median of `ns_per_operation` over the windows.
    pub spread: Option<f64>,
    /// Jain's index of the threads' operations: 1 all equal, 1/threads one has all.
    pub jain: Option<f64>,
    /// Threads without a single operation in a window.
    pub threads_at_zero: usize,
    /// CPU time, user and system, for one operation, in ns.
    pub cpu_ns_per_operation: Option<f64>,
    /// The longest wait in ns, those unfinished at the end of the window included; None if none was
    /// timed.
    pub wait_max_ns: Option<u64>,
    /// The mean wait weighted by its length, in ns; None if none was timed.
    pub wait_weighted_ns: Option<f64>,
    /// `ns_per_operation` by that of the best lock of the regime (`none` is no lock).
    pub ratio_to_best: Option<f64>,
    /// Windows that count here.
    pub windows: usize,
    /// Windows among those of the figures in which no thread finished an operation.
    pub windows_without_operation: usize,
    /// Windows refused because others used the CPU.
    pub refused: usize,
    /// True if every window was refused: the figures are those of the least disturbed ones.
    pub disturbed: bool,
}

/// The outcome of a [`ComparisonPlan`].
#[derive(Debug, Clone, serde::Serialize)]
pub struct Comparison {
    /// Version of this document.
    pub schema: u32,
    /// CPUs used.
    pub cpus: usize,
    /// False where sched_setaffinity(2) was refused.
    pub pinned: bool,
    /// False where neither control group nor /proc/stat shows what others used.
    pub bystanders_seen: bool,
    /// Length of a window in ns.
    pub window_ns: u64,
    /// Orders the windows.
    pub seed: u64,
    /// Windows run.
    pub windows: usize,
    /// Windows refused.
    pub refused: usize,
    /// What it was measured on and with.
    #[serde(flatten)]
    pub environment: Environment,
    /// How far it came, where a signal ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial: Option<PartialMeasurement>,
    /// Lock by lock, regime by regime.
    pub rows: Vec<ComparisonRow>,
}

impl Comparison {
    pub(super) fn new(plan: &ComparisonPlan, cells: &[Cell], cpus: usize) -> Comparison {
        let all = || cells.iter().flat_map(|cell| &cell.windows);
        let mut rows: Vec<ComparisonRow> =
            cells.iter().map(|cell| row(cell, plan.rounds)).collect();
        for regime in rows.chunks_mut(plan.locks.len()) {
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
            window_ns: plan.window.as_nanos() as u64,
            seed: plan.seed,
            windows: all().count(),
            refused: all().filter(|window| is_refused(window)).count(),
            environment: Environment::read(&plan.locks),
            partial: None,
            rows,
        }
    }

    /// The same, marked as partial where a `signal` ended it after `done` windows of `plan`.
    pub(super) fn marked_partial(
        self,
        signal: Option<Signal>,
        done: usize,
        plan: &ComparisonPlan,
    ) -> Comparison {
        let planned = plan.windows();
        let partial = signal.map(|signal| PartialMeasurement {
            signal,
            // Repeated windows are beyond the plan.
            measured: done.min(planned),
            planned,
            unit: "windows",
        });
        Comparison { partial, ..self }
    }
}

fn row(cell: &Cell, rounds: usize) -> ComparisonRow {
    let mut windows: Vec<&ContentionWindow> = cell.windows.iter().collect();
    // The refused last, the least disturbed of them first.
    windows.sort_by(|a, b| a.others.unwrap_or(0.0).total_cmp(&b.others.unwrap_or(0.0)));
    let good = cell.usable_windows();
    windows.truncate(if good == 0 { rounds } else { good });

    let operations = |window: &ContentionWindow| window.operations.iter().sum::<u64>();
    let ns: Vec<f64> = windows
        .iter()
        .map(|window| window.elapsed_ns as f64 / operations(window).max(1) as f64)
        .collect();
    let without_operation = windows
        .iter()
        .filter(|window| operations(window) == 0)
        .count();
    let any = without_operation < windows.len();
    let over = |value: &dyn Fn(&ContentionWindow) -> Option<f64>| {
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
    ComparisonRow {
        lock: cell.lock.as_str(),
        threads: cell.regime.threads,
        critical_ns: cell.regime.critical_ns,
        think_ns: cell.regime.think_ns,
        spread: spread(&ns).filter(|_| any),
        jain: over(&|window| jain(&window.operations)),
        threads_at_zero: zero.unwrap_or(0.0).round() as usize,
        cpu_ns_per_operation: over(&|window| window.cpu_ns_per_operation),
        wait_max_ns: cell.timed.iter().map(|window| window.waits.max_ns).max(),
        wait_weighted_ns: median(cell.timed.iter().map(|w| w.waits.weighted_ns()).collect()),
        ns_per_operation: median(ns).filter(|_| any),
        ratio_to_best: None,
        windows: good,
        windows_without_operation: without_operation,
        refused: cell.windows.len() - good,
        disturbed: good == 0 && !cell.windows.is_empty(),
    }
}
