//! One row: one strategy, one number of workers.

use std::net::TcpStream;
use std::ops::ControlFlow;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;

use super::row::{Latency, jain};
use super::{Kernel, Pace, Row, Trace};
use crate::client::{self, Client, End};
use crate::counts::Snapshot;
use crate::listen::Site;
use crate::strategies::Strategy;
use crate::tally::{Detail, now_ns};
use crate::workers::Workers;

/// How the two ways to count may differ before the row says so.
const AGREEMENT: f64 = 0.01;

/// Why a row may have no split of what was wasted.
pub(crate) const NOT_SPLIT: &str = "waste not split: FUTEX_WAIT returns to libc";

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Where, and with how many workers.
    pub site: Site,
    /// Connections to make and count.
    pub connections: u64,
    /// When to make the next.
    pub pace: Pace,
    /// The tracepoint, where it may be used.
    pub kernel: Option<Kernel>,
    /// What the workers note of their work.
    pub detail: Detail,
}

/// Measures `strategy`. `progress` is told after each burst how many connections are done, none of
/// them while the workers warm up, and may end the run: the row then covers what was done.
///
/// # Errors
/// What the strategy needs and the kernel refuses, workers that cannot be forked, a connection that
/// nobody serves; a trace back to back, which would have to wait until all sleep after each.
pub fn measure(
    strategy: &Strategy,
    plan: &Plan,
    mut trace: Option<&mut Trace>,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Row> {
    ensure!(
        trace.is_none() || plan.pace != Pace::BackToBack,
        "a trace is read when all workers sleep, so there is none of the pace back-to-back: \
         take all-asleep or burst=K"
    );
    let count = plan.site.workers;
    let mut prepared = (strategy.prepare)(&plan.site)?;
    let address = prepared.listeners[0].local_addr().context("getsockname")?;
    let mut workers = Workers::start(&mut prepared, count, plan.detail)?;
    let returns_unseen = prepared.returns_unseen;
    // The sockets are the workers' now: what a dead worker leaves in a queue of its own is reset.
    drop(prepared);
    let mut client = Client::of(address);
    let mut run = Run {
        workers: &mut workers,
        client: &mut client,
        // Up to a minute, to three digits.
        histogram: Histogram::new_with_bounds(1, 60_000_000_000, 3).context("histogram")?,
        reset: 0,
    };
    // The first connection of each worker meets cold pages; it is not counted. At most as many as are
    // counted: each looks at every worker.
    let mut stopped = false;
    for _ in 0..(count as u64).min(plan.connections) {
        run.workers.asleep()?;
        run.burst(1)?;
        stopped = progress(0).is_break();
        if stopped {
            break;
        }
    }
    run.histogram.reset();
    let before = run.workers.settle()?;
    let counter = plan
        .kernel
        .map(|kernel| kernel.count(&run.workers.pids()))
        .transpose()?;
    if let Some(trace) = trace.as_deref_mut() {
        trace.begin(strategy.name, run.workers);
    }
    let traced = trace.is_some();
    let mut done = 0;
    let mut cut = None;
    while done < plan.connections && !stopped {
        let size = match plan.pace {
            Pace::AllAsleep | Pace::BackToBack => 1,
            Pace::Burst(size) => (size as u64).min(plan.connections - done),
        };
        if let Err(error) = run.step(plan.pace, size, trace.as_deref_mut()) {
            cut = Some(run.workers.stopped().ok_or(error)?);
            break;
        }
        done += size;
        stopped = progress(done).is_break();
    }
    let after = match cut {
        Some(_) => run.workers.latest()?,
        None => run.workers.settle().or_else(|error| {
            cut = Some(run.workers.stopped().ok_or(error)?);
            run.workers.latest()
        })?,
    };
    let kernel = counter.map(|counter| counter.read()).transpose()?;
    let (reset, histogram) = (run.reset, run.histogram);
    let mut row = row(&after.since(&before), done, kernel);
    row.strategy = strategy.name.to_owned();
    row.workers = count;
    row.pace = plan.pace.to_string();
    row.latency_us = Latency::of(&histogram);
    let mut notes = Vec::new();
    if traced && plan.pace != Pace::AllAsleep {
        notes.push("for the trace all workers were seen asleep before each burst".to_owned());
    }
    if returns_unseen {
        (row.wasted_in_kernel, row.wasted_visible) = (None, None);
        row.returns_per_connection = None;
        notes.push(NOT_SPLIT.to_owned());
    }
    notes.extend(disagreement(&row));
    notes.extend(workers.dead().map(|(index, pid)| {
        let accepted = after.each.get(index).map_or(0, |counts| counts.accepted);
        format!("worker {index} (pid {pid}) died after {accepted} connections; the run went on")
    }));
    if let Some(who) = cut {
        notes.push(format!(
            "{who}: the row ends after {done} of {} connections, and its figures hold what came of the \
             next",
            plan.connections
        ));
    }
    if reset > 0 {
        notes.push(format!("{reset} connections were reset"));
    }
    if stopped && done < plan.connections {
        notes.push(format!(
            "interrupted after {done} of {} connections",
            plan.connections
        ));
    }
    row.note = notes.join("; ");
    Ok(row)
}

struct Run<'a> {
    workers: &'a mut Workers,
    client: &'a mut Client,
    histogram: Histogram<u64>,
    reset: u64,
}

impl Run<'_> {
    /// Waits as `pace` says, makes a burst of `size`, and traces it.
    fn step(&mut self, pace: Pace, size: u64, trace: Option<&mut Trace>) -> Result<()> {
        if pace == Pace::AllAsleep {
            self.workers.asleep()?;
        }
        let start = now_ns();
        self.burst(size)?;
        match trace {
            Some(trace) => trace.connection(start, self.workers),
            None => Ok(()),
        }
    }

    /// Makes `size` connections and waits until the server has closed them all.
    fn burst(&mut self, size: u64) -> Result<()> {
        let mut open: Vec<(u64, TcpStream)> = Vec::with_capacity(size as usize);
        for _ in 0..size {
            open.push((now_ns(), self.client.connect()?));
        }
        for (start, connection) in open {
            match client::end(connection)? {
                End::Closed => self.histogram.saturating_record(now_ns() - start),
                End::Reset => self.reset += 1,
            }
        }
        Ok(())
    }
}

fn row(counts: &Snapshot, connections: u64, kernel: Option<u64>) -> Row {
    let per = |count: u64| (connections > 0).then(|| count as f64 / connections as f64);
    let wakeups = counts.sum(|worker| worker.sleeps);
    let shares: Vec<u64> = counts.each.iter().map(|worker| worker.accepted).collect();
    let cpu_ns = counts.sum(|worker| worker.cpu_ns);
    Row {
        connections,
        evidence: if kernel.is_some() {
            "kernel"
        } else {
            "counters"
        },
        wakeups_per_connection: per(wakeups),
        wakeups_kernel_per_connection: kernel.and_then(per),
        wasted_in_kernel: per(wakeups.saturating_sub(counts.sum(|worker| worker.slept))),
        wasted_visible: per(counts.sum(|worker| worker.empty)),
        returns_per_connection: per(counts.sum(|worker| worker.returns)),
        eagain_per_connection: per(counts.sum(|worker| worker.again)),
        switches_per_connection: per(wakeups + counts.sum(|worker| worker.preemptions)),
        cpu_us_per_connection: (cpu_ns > 0)
            .then(|| per(cpu_ns))
            .flatten()
            .map(|ns| ns / 1e3),
        accepted_min: shares.iter().min().copied().filter(|_| connections > 0),
        accepted_max: shares.iter().max().copied().filter(|_| connections > 0),
        jain: jain(&shares),
        ..Row::default()
    }
}

/// A sentence where the tracepoint and the counters do not agree.
fn disagreement(row: &Row) -> Option<String> {
    let (counters, kernel) = (
        row.wakeups_per_connection?,
        row.wakeups_kernel_per_connection?,
    );
    let larger = counters.max(kernel);
    (larger > 0.0 && (counters - kernel).abs() / larger > AGREEMENT).then(|| {
        format!("the counters say {counters:.3} wakeups per connection, the tracepoint {kernel:.3}")
    })
}
