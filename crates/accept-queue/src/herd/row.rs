//! What was measured of one strategy with one number of workers, and the document of all rows.

use std::fmt;

use harness::statistics::jain;
use hdrhistogram::Histogram;
use prefork::strategies::Strategy;
use serde::Serialize;

use super::HerdPlan;
use super::measure::Passes;

/// Version of the JSON document.
pub const SCHEMA: u32 = 1;

/// One row. What could not be measured is none, and `note` says why.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HerdRow {
    /// Name of the strategy.
    pub strategy: String,
    /// Workers forked.
    pub workers: usize,
    /// Connections made and counted.
    pub connections: u64,
    /// When the next connection was made.
    pub pace: String,
    /// `kernel` where the tracepoint counted too, `counters` where only /proc did.
    pub evidence: &'static str,
    /// Wakeups by the workers' voluntary context switches.
    pub wakeups_per_connection: Option<f64>,
    /// Wakeups by the tracepoint sched:sched_waking.
    pub wakeups_kernel_per_connection: Option<f64>,
    /// Wakeups per connection after which the worker slept again without a return to user space;
    /// none, as in the next field, where the C library hides returns.
    pub wasted_in_kernel: Option<f64>,
    /// Wakeups per connection after which the worker returned to user space and got no connection.
    pub wasted_visible: Option<f64>,
    /// Returns to user space per connection from calls that may sleep; not in the JSON document.
    #[serde(skip)]
    pub returns_per_connection: Option<f64>,
    /// Calls of accept per connection that failed with EAGAIN.
    pub eagain_per_connection: Option<f64>,
    /// Context switches of the workers per connection, voluntary and not.
    pub switches_per_connection: Option<f64>,
    /// CPU time of the workers per connection in microseconds.
    pub cpu_us_per_connection: Option<f64>,
    /// From the call of connect to the server's close, in microseconds.
    pub latency_us: Option<Latency>,
    /// Connections accepted by the worker that accepted fewest.
    pub accepted_min: Option<u64>,
    /// Connections accepted by the worker that accepted most.
    pub accepted_max: Option<u64>,
    /// Jain's fairness index of the connections per worker: 1 if all are equal, 1/N if one worker
    /// has all.
    pub jain: Option<f64>,
    /// What is to be said about this row; empty where nothing is.
    pub note: String,
}

impl HerdRow {
    /// The row of a strategy that was not measured, and why.
    pub fn not_measured(strategy: &Strategy, plan: &HerdPlan, why: &str) -> Self {
        HerdRow {
            strategy: strategy.name.to_owned(),
            workers: plan.site.workers,
            pace: plan.pace.to_string(),
            evidence: evidence(plan.permit.is_some()),
            note: format!("not measured: {why}"),
            ..HerdRow::default()
        }
    }

    /// The row of what `passes` counted and timed, without a note. Where `returns_unseen`, the
    /// workers' returns say nothing of what was wasted.
    pub(super) fn from_passes(
        strategy: &Strategy,
        plan: &HerdPlan,
        passes: &Passes,
        returns_unseen: bool,
    ) -> Self {
        let counted = &passes.counted;
        let counts = &counted.spent;
        let per = |count| counted.per_connection(count);
        let per_return = |count| per(count).filter(|_| !returns_unseen);
        let wakeups = counts.sum(|worker| worker.sleeps);
        let shares: Vec<u64> = counts.each.iter().map(|worker| worker.accepted).collect();
        let timing = passes.timing(plan);
        HerdRow {
            strategy: strategy.name.to_owned(),
            workers: plan.site.workers,
            connections: counted.done,
            pace: plan.pace.to_string(),
            evidence: evidence(counted.kernel.is_some()),
            wakeups_per_connection: per(wakeups),
            wakeups_kernel_per_connection: counted.kernel.and_then(per),
            wasted_in_kernel: per_return(wakeups.saturating_sub(counts.sum(|worker| worker.slept))),
            wasted_visible: per_return(counts.sum(|worker| worker.empty)),
            returns_per_connection: per_return(counts.sum(|worker| worker.returns)),
            eagain_per_connection: per(counts.sum(|worker| worker.again)),
            switches_per_connection: per(wakeups + counts.sum(|worker| worker.preemptions)),
            cpu_us_per_connection: timing.and_then(|pass| pass.cpu_us()),
            latency_us: timing.and_then(|pass| pass.latency),
            accepted_min: shares.iter().min().copied().filter(|_| counted.done > 0),
            accepted_max: shares.iter().max().copied().filter(|_| counted.done > 0),
            jain: jain(&shares),
            note: String::new(),
        }
    }
}

fn evidence(by_tracepoint: bool) -> &'static str {
    if by_tracepoint { "kernel" } else { "counters" }
}

/// Quantiles in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

impl Latency {
    /// The quantiles of a histogram of nanoseconds; none of an empty one.
    pub(super) fn from_histogram(histogram: &Histogram<u64>) -> Option<Self> {
        let us = |ns: u64| ns as f64 / 1e3;
        (!histogram.is_empty()).then(|| Latency {
            p50: us(histogram.value_at_quantile(0.5)),
            p99: us(histogram.value_at_quantile(0.99)),
            p999: us(histogram.value_at_quantile(0.999)),
            max: us(histogram.max()),
        })
    }
}

/// Why a run does not have all rows that were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartialRun {
    /// The signal that ended it: `SIGINT`.
    pub signal: String,
    /// Rows that were finished by then.
    pub measured: usize,
    /// Rows that were asked for.
    pub rows: usize,
}

impl fmt::Display for PartialRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PartialRun {
            signal,
            measured,
            rows,
        } = self;
        write!(f, "{signal} ended the run after {measured} of {rows} rows")
    }
}

/// The JSON document of a run. It has the field `partial` only where the run is partial.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    kernel: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    partial: Option<&'a PartialRun>,
    rows: &'a [HerdRow],
}

/// The JSON document of a run.
pub fn document(
    kernel: &str,
    rows: &[HerdRow],
    partial: Option<&PartialRun>,
) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&Document {
        schema: SCHEMA,
        kernel,
        partial,
        rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_microseconds() {
        let mut histogram = Histogram::new(3).unwrap();
        assert_eq!(Latency::from_histogram(&histogram), None);
        histogram.record(50_000).unwrap();
        let latency = Latency::from_histogram(&histogram).unwrap();
        assert!((latency.p50 - 50.0).abs() < 0.1 && (latency.max - 50.0).abs() < 0.1);
    }
}
