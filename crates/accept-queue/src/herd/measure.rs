//! One row: one strategy, one number of workers.

use anyhow::{Context, Result, ensure};
use harness::statistics::jain;
use prefork::listen::Site;
use prefork::strategies::Strategy;
use prefork::tally::Detail;

use super::window::{Run, Window};
use super::{Kernel, Pace, Row, Trace};
use crate::client::Client;
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
/// them while the workers warm up. An interrupt ends the row, which then covers what was done.
///
/// Where the workers are seen asleep before each connection, what they note costs them next to nothing.
/// At the other paces it does, so the connections are made twice: once counted, once timed.
///
/// # Errors
/// What the strategy needs and the kernel refuses, workers that cannot be forked, a connection that
/// nobody serves; a burst that the queue cannot hold; a trace back to back, which would have to wait until all sleep after each.
pub fn measure(
    strategy: &Strategy,
    plan: &Plan,
    mut trace: Option<&mut Trace>,
    progress: &mut dyn FnMut(u64),
) -> Result<Row> {
    ensure!(
        trace.is_none() || plan.pace != Pace::BackToBack,
        "a trace is read when all workers sleep, so there is none of the pace back-to-back: \
         take all-asleep or burst=K"
    );
    let count = plan.site.workers;
    let mut prepared = (strategy.prepare)(&plan.site)?;
    let address = prepared.listeners[0].local_addr().context("getsockname")?;
    if let Pace::Burst(size) = plan.pace {
        let backlog = observe::tcp_info::of(&prepared.listeners[0])?.sacked;
        ensure!(
            size <= backlog as usize + 1,
            "a burst of {size} does not fit a queue with backlog {backlog}: its SYNs would be dropped and \
             come again a second later; take a smaller burst or a longer queue (--backlog, \
             net.core.somaxconn)"
        );
    }
    let mut workers = Workers::start(&mut prepared, count, plan.detail)?;
    let returns_unseen = prepared.returns_unseen;
    // The sockets are the workers' now: what a dead worker leaves in a queue of its own is reset.
    drop(prepared);
    let mut run = Run {
        workers: &mut workers,
        client: Client::of(address),
        plan,
    };
    let twice = plan.pace != Pace::AllAsleep && plan.detail != Detail::Nothing;
    let counted = match run.warm_up(progress) {
        Ok(()) => {
            if let Some(trace) = trace.as_deref_mut() {
                trace.begin(strategy.name, run.workers);
            }
            let half = &mut |done| progress(if twice { done / 2 } else { done });
            run.window(plan.kernel, trace.as_deref_mut(), half)?
        }
        Err(error) => Window {
            cut: Some(run.cut(error)?),
            ..Window::default()
        },
    };
    let mut timed = None;
    if twice && counted.cut.is_none() {
        run.workers.note_nothing();
        let half = &mut |done| progress(plan.connections / 2 + done / 2);
        timed = Some(run.window(None, None, half)?);
    }
    let mut row = row(&counted);
    row.strategy = strategy.name.to_owned();
    row.workers = count;
    row.pace = plan.pace.to_string();
    if twice {
        (row.cpu_us_per_connection, row.latency_us) = timed
            .as_ref()
            .map_or((None, None), |timed| (timed.cpu_us(), timed.latency));
    }
    let mut notes = Vec::new();
    if trace.is_some() && plan.pace != Pace::AllAsleep {
        notes.push("for the trace all workers were seen asleep before each burst".to_owned());
    }
    if returns_unseen {
        (row.wasted_in_kernel, row.wasted_visible) = (None, None);
        row.returns_per_connection = None;
        notes.push(NOT_SPLIT.to_owned());
    }
    notes.extend(disagreement(&row));
    let uncounted = counted.uncounted.as_ref();
    notes.extend(uncounted.map(|why| format!("counted without the tracepoint: {why}")));
    notes.extend(workers.dead().map(|(index, pid)| {
        let accepted = counted
            .after
            .each
            .get(index)
            .map_or(0, |counts| counts.accepted);
        format!("worker {index} (pid {pid}) died after {accepted} connections; the run went on")
    }));
    notes.extend(counted.told(plan.connections, "the row"));
    let timed = timed.unwrap_or_default();
    notes.extend(timed.told(plan.connections, "what is timed"));
    let reset = counted.reset + timed.reset;
    if reset > 0 {
        notes.push(format!("{reset} connections were reset"));
    }
    row.note = notes.join("; ");
    Ok(row)
}

fn row(window: &Window) -> Row {
    let counts = &window.spent;
    let per = |count| window.per(count);
    let wakeups = counts.sum(|worker| worker.sleeps);
    let shares: Vec<u64> = counts.each.iter().map(|worker| worker.accepted).collect();
    Row {
        connections: window.done,
        evidence: if window.kernel.is_some() {
            "kernel"
        } else {
            "counters"
        },
        wakeups_per_connection: per(wakeups),
        wakeups_kernel_per_connection: window.kernel.and_then(per),
        wasted_in_kernel: per(wakeups.saturating_sub(counts.sum(|worker| worker.slept))),
        wasted_visible: per(counts.sum(|worker| worker.empty)),
        returns_per_connection: per(counts.sum(|worker| worker.returns)),
        eagain_per_connection: per(counts.sum(|worker| worker.again)),
        switches_per_connection: per(wakeups + counts.sum(|worker| worker.preemptions)),
        cpu_us_per_connection: window.cpu_us(),
        latency_us: window.latency,
        accepted_min: shares.iter().min().copied().filter(|_| window.done > 0),
        accepted_max: shares.iter().max().copied().filter(|_| window.done > 0),
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
