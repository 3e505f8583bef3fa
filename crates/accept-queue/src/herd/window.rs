//! Connections made one after the other at the plan's pace, and what the workers did meanwhile.

use std::net::TcpStream;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use prefork::counts::Snapshot;
use prefork::tally::now_ns;

use super::row::Latency;
use super::{Kernel, Pace, Plan, Trace};
use crate::client::{self, Client, End};
use crate::interrupt::{self, Interrupted};
use crate::workers::Workers;

/// Why connections ended before the last that was asked for.
pub(super) enum Cut {
    /// Somebody asked for it.
    Interrupted,
    /// These workers keep the others from it.
    Workers(String),
}

/// Connections made one way, from one moment at which all workers sleep to another.
#[derive(Default)]
pub(super) struct Window {
    /// Connections made and closed.
    pub(super) done: u64,
    /// Those of them that were reset.
    pub(super) reset: u64,
    /// What the workers have counted at its end.
    pub(super) after: Snapshot,
    /// What of it since its start.
    pub(super) spent: Snapshot,
    /// Wakeups by the tracepoint.
    pub(super) kernel: Option<u64>,
    /// Why the tracepoint, though permitted, did not count.
    pub(super) uncounted: Option<String>,
    /// From the call of connect to the server's close.
    pub(super) latency: Option<Latency>,
    /// Why it ended early.
    pub(super) cut: Option<Cut>,
}

impl Window {
    /// `count` for each connection.
    pub(super) fn per(&self, count: u64) -> Option<f64> {
        (self.done > 0).then(|| count as f64 / self.done as f64)
    }

    /// CPU time of the workers for each connection, in microseconds.
    pub(super) fn cpu_us(&self) -> Option<f64> {
        let ns = self.spent.sum(|worker| worker.cpu_ns);
        self.per(ns).filter(|&ns| ns > 0.0).map(|ns| ns / 1e3)
    }

    /// A sentence where `what` has fewer connections than asked for.
    pub(super) fn told(&self, asked: u64, what: &str) -> Option<String> {
        let done = self.done;
        Some(match self.cut.as_ref()? {
            Cut::Interrupted => {
                format!("{what} was interrupted after {done} of {asked} connections")
            }
            Cut::Workers(who) => format!(
                "{who}: {what} ends after {done} of {asked} connections, and its figures hold what \
                 came of the next"
            ),
        })
    }
}

/// Who makes connections to whom.
pub(super) struct Run<'a> {
    pub(super) workers: &'a mut Workers,
    pub(super) client: Client,
    pub(super) plan: &'a Plan,
}

impl Run<'_> {
    /// The first connection of each worker meets cold pages; it is not counted. At most as many as are
    /// counted: each looks at every worker.
    pub(super) fn warm_up(&mut self, progress: &mut dyn FnMut(u64)) -> Result<()> {
        let nowhere = &mut |_| {};
        for _ in 0..(self.plan.site.workers as u64).min(self.plan.connections) {
            self.workers.asleep()?;
            self.burst(1, nowhere)?;
            progress(0);
        }
        Ok(())
    }

    /// Makes the connections of the plan, watched by the tracepoint where `kernel` allows it.
    pub(super) fn window(
        &mut self,
        kernel: Option<Kernel>,
        mut trace: Option<&mut Trace>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Window> {
        let mut window = Window::default();
        let before = match self.workers.settle() {
            Ok(before) => before,
            Err(error) => {
                window.cut = Some(self.cut(error)?);
                return Ok(window);
            }
        };
        let counter = match kernel.map(|kernel| kernel.count(&self.workers.pids())) {
            Some(Err(error)) => {
                window.uncounted = Some(claim::error_chain(&error));
                None
            }
            counter => counter.and_then(Result::ok),
        };
        // Up to a minute, to three digits.
        let mut histogram =
            Histogram::new_with_bounds(1, 60_000_000_000, 3).context("histogram")?;
        let mut reset = 0;
        let mut note = |end: Option<u64>| match end {
            Some(ns) => histogram.saturating_record(ns),
            None => reset += 1,
        };
        while window.done < self.plan.connections && window.cut.is_none() {
            let size = match self.plan.pace {
                Pace::AllAsleep | Pace::BackToBack => 1,
                Pace::Burst(size) => (size as u64).min(self.plan.connections - window.done),
            };
            match self.step(size, trace.as_deref_mut(), &mut note) {
                Ok(()) => window.done += size,
                Err(error) => window.cut = Some(self.cut(error)?),
            }
            progress(window.done);
        }
        window.after = match window.cut {
            Some(_) => self.workers.latest()?,
            None => self.workers.settle().or_else(|error| {
                window.cut = Some(self.cut(error)?);
                self.workers.latest()
            })?,
        };
        window.kernel = counter.map(|counter| counter.read()).transpose()?;
        window.spent = window.after.since(&before);
        window.latency = Latency::of(&histogram);
        window.reset = reset;
        Ok(window)
    }

    /// Waits as the pace says, makes a burst of `size`, and traces it.
    fn step(
        &mut self,
        size: u64,
        trace: Option<&mut Trace>,
        note: &mut dyn FnMut(Option<u64>),
    ) -> Result<()> {
        interrupt::check()?;
        if self.plan.pace == Pace::AllAsleep {
            self.workers.asleep()?;
        }
        let start = now_ns();
        self.burst(size, note)?;
        match trace {
            Some(trace) => trace.connection(start, self.workers),
            None => Ok(()),
        }
    }

    /// Makes `size` connections and waits until the server has closed them all; `note` is told the
    /// nanoseconds that each took, or none where it was reset.
    fn burst(&mut self, size: u64, note: &mut dyn FnMut(Option<u64>)) -> Result<()> {
        let mut open: Vec<(u64, TcpStream)> = Vec::with_capacity(size as usize);
        for _ in 0..size {
            open.push((now_ns(), self.client.connect()?));
        }
        for (start, connection) in open {
            match client::end(connection)? {
                End::Closed => note(Some(now_ns() - start)),
                End::Reset => note(None),
            }
        }
        Ok(())
    }

    /// What ended the connections: an interrupt, or workers that do not serve them.
    ///
    /// # Errors
    /// Anything else.
    pub(super) fn cut(&self, error: anyhow::Error) -> Result<Cut> {
        // A SIGTERM to the whole group ends the workers, too.
        if error.is::<Interrupted>() || interrupt::check().is_err() {
            return Ok(Cut::Interrupted);
        }
        self.workers.unfit().map(Cut::Workers).ok_or(error)
    }
}
