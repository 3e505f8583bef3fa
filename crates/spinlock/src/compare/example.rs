//! A comparison that nobody measured, to be drawn and written in tests.

use super::environment::Environment;
use super::report::{Comparison, ComparisonRow};
use crate::PartialMeasurement;

/// Of these rows, on two CPUs, with nothing refused.
pub(super) fn comparison(
    rows: Vec<ComparisonRow>,
    partial: Option<PartialMeasurement>,
) -> Comparison {
    Comparison {
        schema: 1,
        cpus: 2,
        pinned: true,
        bystanders_seen: true,
        window_ns: 1000,
        seed: 1,
        windows: 2,
        refused: 0,
        environment: Environment::read(&[]),
        partial,
        rows,
    }
}

/// A lock that was measured in one window.
pub(super) fn row(lock: &'static str, threads: usize, ratio_to_best: Option<f64>) -> ComparisonRow {
    ComparisonRow {
        lock,
        threads,
        critical_ns: 0,
        think_ns: 0,
        ns_per_operation: Some(10.0),
        spread: None,
        jain: None,
        threads_at_zero: 0,
        cpu_ns_per_operation: None,
        wait_max_ns: None,
        wait_weighted_ns: None,
        ratio_to_best,
        windows: 1,
        windows_without_operation: 0,
        refused: 0,
        disturbed: false,
    }
}
