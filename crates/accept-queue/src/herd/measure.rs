//! One row: one strategy, one number of workers.

use prefork::Metering;
use prefork::Site;
use prefork::strategies::{Prepared, Strategy};

use super::pass::{HerdPass, HerdRun};
use super::{HerdRow, HerdTrace, Pace, TracepointPermit};
use crate::client::Client;
use crate::error::Error;
use crate::workers::Workers;

/// The two ways to count may differ by this share before the row says so.
const AGREEMENT: f64 = 0.01;

/// Why a row may have no split of what was wasted.
const WASTE_NOT_SPLIT: &str = "waste not split: FUTEX_WAIT returns to libc";

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct HerdPlan {
    /// Where, and with how many workers.
    pub site: Site,
    /// Connections to make and count.
    pub connections: u64,
    /// When to make the next.
    pub pace: Pace,
    /// The permit for the tracepoint, where it may be used.
    pub permit: Option<TracepointPermit>,
    /// What the workers note of their work.
    pub metering: Metering,
}

impl HerdPlan {
    /// Whether counting would cost the workers so much that the connections are made twice, once
    /// counted and once timed. Where the workers are seen asleep before each connection, what they
    /// note costs them next to nothing.
    pub(super) fn has_two_passes(&self) -> bool {
        self.pace != Pace::AllAsleep && self.metering != Metering::Nothing
    }
}

/// The connections of one row: counted, and for some plans made again and timed.
pub(super) struct Passes {
    pub(super) counted: HerdPass,
    pub(super) timed: Option<HerdPass>,
}

impl Passes {
    /// The pass that CPU time and latency are taken from.
    pub(super) fn timing(&self, plan: &HerdPlan) -> Option<&HerdPass> {
        if plan.has_two_passes() {
            self.timed.as_ref()
        } else {
            Some(&self.counted)
        }
    }
}

/// Measures `strategy`. `progress` gets, after each burst, how many connections are done; those of
/// the warm-up do not count. An interrupt ends the row, which then covers what was done.
///
/// # Errors
/// What the strategy needs and the kernel refuses, workers that cannot be forked, a connection that
/// no worker serves. [`Error::Plan`]: a burst that the queue cannot hold, or a trace at the pace
/// back-to-back, which would have to wait until all sleep after each connection.
pub fn measure(
    strategy: &Strategy,
    plan: &HerdPlan,
    mut trace: Option<&mut HerdTrace>,
    progress: &mut dyn FnMut(u64),
) -> Result<HerdRow, Error> {
    if trace.is_some() && plan.pace == Pace::BackToBack {
        return Err(Error::Plan(
            "a trace is read when all workers sleep, so there is none of the pace back-to-back: \
             take all-asleep or burst=K"
                .to_owned(),
        ));
    }
    let mut prepared = (strategy.prepare)(&plan.site)?;
    let address = prepared.address()?;
    ensure_burst_fits(plan.pace, &prepared)?;
    let mut workers = Workers::start(&mut prepared, plan.site.workers, plan.metering)?;
    let returns_unseen = prepared.returns_unseen;
    // The sockets are the workers' now: what a dead worker leaves in a queue of its own is reset.
    drop(prepared);
    let mut run = HerdRun {
        strategy,
        workers: &mut workers,
        client: Client::new(address),
        plan,
    };
    let passes = run.make_passes(trace.as_deref_mut(), progress)?;
    let mut row = HerdRow::from_passes(strategy, plan, &passes, returns_unseen);
    let mut notes = Vec::new();
    if trace.is_some() && plan.pace != Pace::AllAsleep {
        notes.push("for the trace all workers were seen asleep before each burst".to_owned());
    }
    if returns_unseen {
        notes.push(WASTE_NOT_SPLIT.to_owned());
    }
    notes.extend(disagreement(&row));
    notes.extend(irregularities(plan, &passes, &workers));
    row.note = notes.join("; ");
    Ok(row)
}

/// Makes sure that the queue holds a whole burst.
fn ensure_burst_fits(pace: Pace, prepared: &Prepared) -> Result<(), Error> {
    let (Pace::Burst(size), Some(listener)) = (pace, prepared.listeners.first()) else {
        return Ok(());
    };
    let backlog = observe::tcp_info::read(listener)?.sacked;
    if size <= backlog as usize + 1 {
        return Ok(());
    }
    Err(Error::Plan(format!(
        "a burst of {size} does not fit a queue with backlog {backlog}: its SYNs would be dropped \
         and come again a second later; take a smaller burst or a longer queue (--backlog, \
         net.core.somaxconn)"
    )))
}

/// A sentence for each thing that did not go as planned.
fn irregularities(plan: &HerdPlan, passes: &Passes, workers: &Workers) -> Vec<String> {
    let (counted, timed) = (&passes.counted, passes.timed.as_ref());
    let mut notes = Vec::new();
    let uncounted = counted.uncounted.as_ref();
    notes.extend(uncounted.map(|why| format!("counted without the tracepoint: {why}")));
    notes.extend(workers.dead_workers().map(|(index, pid)| {
        let counts = counted.after.each.get(index);
        let accepted = counts.map_or(0, |counts| counts.accepted);
        format!("worker {index} (pid {pid}) died after {accepted} connections; the run went on")
    }));
    notes.extend(counted.shortfall(plan.connections, "the row"));
    notes.extend(timed.and_then(|pass| pass.shortfall(plan.connections, "the timed pass")));
    let reset = counted.reset + timed.map_or(0, |pass| pass.reset);
    if reset > 0 {
        notes.push(format!("{reset} connections were reset"));
    }
    notes
}

/// A sentence where the tracepoint and the counters do not agree.
fn disagreement(row: &HerdRow) -> Option<String> {
    let (counters, kernel) = (
        row.wakeups_per_connection?,
        row.wakeups_kernel_per_connection?,
    );
    let larger = counters.max(kernel);
    (larger > 0.0 && (counters - kernel).abs() / larger > AGREEMENT).then(|| {
        format!("the counters say {counters:.3} wakeups per connection, the tracepoint {kernel:.3}")
    })
}
