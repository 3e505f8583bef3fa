//! A pass: connections made one after the other at the plan's pace, and what the workers did
//! meanwhile.

use std::net::TcpStream;

use harness::interrupt;
use hdrhistogram::Histogram;
use nix::sys::signal::Signal;
use prefork::now_ns;
use prefork::strategies::Strategy;

use super::measure::Passes;
use super::row::Latency;
use super::{HerdPlan, HerdTrace, Pace, TracepointPermit};
use crate::client::{Client, End, wait_for_close};
use crate::counts::Snapshot;
use crate::error::Error;
use crate::workers::Workers;

/// Why a pass ended before the last connection that was asked for.
pub(super) enum EarlyEnd {
    /// This signal came.
    Interrupted(Signal),
    /// The workers cannot serve, for this reason.
    Workers(String),
}

/// Connections made from one moment at which all workers sleep to another.
#[derive(Default)]
pub(super) struct HerdPass {
    /// Connections made and closed.
    pub(super) done: u64,
    /// Connections of `done` that were reset.
    pub(super) reset: u64,
    /// What the workers have counted at the end of the pass.
    pub(super) after: Snapshot,
    /// What the workers have counted during the pass.
    pub(super) spent: Snapshot,
    /// Wakeups by the tracepoint.
    pub(super) kernel: Option<u64>,
    /// Why the tracepoint, though permitted, did not count.
    pub(super) uncounted: Option<String>,
    /// From the call of connect to the server's close.
    pub(super) latency: Option<Latency>,
    /// Why it ended early.
    pub(super) early_end: Option<EarlyEnd>,
}

impl HerdPass {
    /// A pass that ended before its first connection.
    fn without_connections(early_end: EarlyEnd) -> Self {
        HerdPass {
            early_end: Some(early_end),
            ..HerdPass::default()
        }
    }

    /// `count` for each connection.
    pub(super) fn per_connection(&self, count: u64) -> Option<f64> {
        (self.done > 0).then(|| count as f64 / self.done as f64)
    }

    /// CPU time of the workers for each connection, in microseconds.
    pub(super) fn cpu_us(&self) -> Option<f64> {
        let ns = self.spent.sum(|worker| worker.cpu_ns);
        self.per_connection(ns)
            .filter(|&ns| ns > 0.0)
            .map(|ns| ns / 1e3)
    }

    /// A sentence where `what` has fewer connections than asked for.
    pub(super) fn shortfall(&self, asked: u64, what: &str) -> Option<String> {
        let done = self.done;
        Some(match self.early_end.as_ref()? {
            EarlyEnd::Interrupted(signal) => {
                format!("{what} was interrupted after {done} of {asked} connections by {signal}")
            }
            EarlyEnd::Workers(reason) => format!(
                "{reason}: {what} ends after {done} of {asked} connections, and its figures \
                 include the unfinished connection"
            ),
        })
    }
}

/// The connections of one pass that have been closed.
struct ClosedConnections {
    /// Nanoseconds from connect to close, up to a minute, to three digits.
    latency: Histogram<u64>,
    reset: u64,
}

impl ClosedConnections {
    fn new() -> Result<Self, Error> {
        let latency = Histogram::new_with_bounds(1, 60_000_000_000, 3);
        Ok(ClosedConnections {
            latency: latency.map_err(Error::system("make a histogram"))?,
            reset: 0,
        })
    }
}

/// A strategy's workers, the client that connects to them, and the plan.
pub(super) struct HerdRun<'a> {
    pub(super) strategy: &'a Strategy,
    pub(super) workers: &'a mut Workers,
    pub(super) client: Client,
    pub(super) plan: &'a HerdPlan,
}

impl HerdRun<'_> {
    /// Warms the workers up, makes the connections that are counted and, where the plan has two
    /// passes, those that are timed. Each pass is half of the progress then.
    pub(super) fn make_passes(
        &mut self,
        trace: Option<&mut HerdTrace>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Passes, Error> {
        let (plan, two) = (self.plan, self.plan.has_two_passes());
        let mut passes = Passes {
            counted: HerdPass::default(),
            timed: None,
        };
        if let Err(error) = self.warm_up(progress) {
            passes.counted = HerdPass::without_connections(self.early_end(error)?);
            return Ok(passes);
        }
        let first_half = &mut |done| progress(if two { done / 2 } else { done });
        passes.counted = self.make_pass(plan.permit, trace, first_half)?;
        if two && passes.counted.early_end.is_none() {
            self.workers.stop_noting();
            let second_half = &mut |done| progress(plan.connections / 2 + done / 2);
            passes.timed = Some(self.make_pass(None, None, second_half)?);
        }
        Ok(passes)
    }

    /// Makes a connection for each worker that is not counted, because the first connection of a
    /// worker meets cold pages. There are at most as many as are counted.
    fn warm_up(&mut self, progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
        let closed = &mut ClosedConnections::new()?;
        for _ in 0..(self.plan.site.workers as u64).min(self.plan.connections) {
            self.workers.wait_until_asleep()?;
            self.make_burst(1, closed)?;
            progress(0);
        }
        Ok(())
    }

    /// Makes the connections of the plan, counted by the tracepoint too where there is a permit.
    fn make_pass(
        &mut self,
        permit: Option<TracepointPermit>,
        mut trace: Option<&mut HerdTrace>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<HerdPass, Error> {
        let before = match self.workers.settle() {
            Ok(before) => before,
            Err(error) => return Ok(HerdPass::without_connections(self.early_end(error)?)),
        };
        let mut pass = HerdPass::default();
        let pids = self.workers.pids();
        if let Some(trace) = trace.as_deref_mut() {
            trace.begin_row(self.strategy.name, &pids, &before);
        }
        let counter = match permit.map(|permit| permit.count_wakeups(&pids)) {
            Some(Err(error)) => {
                pass.uncounted = Some(claim::error_chain(&error.into()));
                None
            }
            counter => counter.and_then(Result::ok),
        };
        let mut closed = ClosedConnections::new()?;
        while pass.done < self.plan.connections && pass.early_end.is_none() {
            let size = match self.plan.pace {
                Pace::AllAsleep | Pace::BackToBack => 1,
                Pace::Burst(size) => (size as u64).min(self.plan.connections - pass.done),
            };
            match self.make_step(size, trace.as_deref_mut(), &mut closed) {
                Ok(()) => pass.done += size,
                Err(error) => pass.early_end = Some(self.early_end(error)?),
            }
            progress(pass.done);
        }
        pass.after = match pass.early_end {
            Some(_) => self.workers.snapshot()?,
            None => self.workers.settle().or_else(|error| {
                pass.early_end = Some(self.early_end(error)?);
                self.workers.snapshot()
            })?,
        };
        pass.kernel = counter.map(|counter| counter.read()).transpose()?;
        pass.spent = pass.after.since(&before);
        pass.latency = Latency::from_histogram(&closed.latency);
        pass.reset = closed.reset;
        Ok(pass)
    }

    /// Waits as the pace says, makes a burst of `size`, and traces it.
    fn make_step(
        &mut self,
        size: u64,
        trace: Option<&mut HerdTrace>,
        closed: &mut ClosedConnections,
    ) -> Result<(), Error> {
        interrupt::check()?;
        if self.plan.pace == Pace::AllAsleep {
            self.workers.wait_until_asleep()?;
        }
        let start = now_ns();
        self.make_burst(size, closed)?;
        match trace {
            Some(trace) => trace.add_burst(start, self.workers),
            None => Ok(()),
        }
    }

    /// Makes `size` connections, waits until the server has closed them all, and adds them to
    /// `closed`.
    fn make_burst(&mut self, size: u64, closed: &mut ClosedConnections) -> Result<(), Error> {
        let mut open: Vec<(u64, TcpStream)> = Vec::with_capacity(size as usize);
        for _ in 0..size {
            open.push((now_ns(), self.client.connect()?));
        }
        for (start, connection) in open {
            match wait_for_close(connection)? {
                End::Closed => closed.latency.saturating_record(now_ns() - start),
                End::Reset => closed.reset += 1,
            }
        }
        Ok(())
    }

    /// Why the connections ended at `error`: by an interrupt, or because the workers cannot serve.
    ///
    /// # Errors
    /// `error` itself, where it is neither.
    fn early_end(&self, error: Error) -> Result<EarlyEnd, Error> {
        // Looked for first: a SIGTERM to the whole group ends the workers, too.
        if let Some(signal) = interrupt::signal() {
            return Ok(EarlyEnd::Interrupted(signal));
        }
        self.workers.obstacle().map(EarlyEnd::Workers).ok_or(error)
    }
}
