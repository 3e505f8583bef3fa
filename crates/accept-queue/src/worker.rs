//! One worker, as its parent sees it: asleep in its call, awake, dead.

use std::sync::atomic::Ordering::Relaxed;

use child::Child;
use observe::schedstat::SchedStat;
use observe::sleep::{Look, Sleeper};
use observe::status::Status;
use prefork::Tally;

use crate::error::Error;

/// A forked worker; dropped, it is killed and reaped.
pub(crate) struct Worker {
    pub(crate) child: Child<()>,
    sleeper: Sleeper,
    /// Its tally said once that it is about to wait for its first connection. Remembered here, so
    /// that the worker's own cache line is not read again.
    ready: bool,
    /// What the kernel had counted when the worker died.
    pub(crate) last_counts: Option<(Status, SchedStat)>,
}

impl Worker {
    /// The worker that has just been forked as `child`.
    ///
    /// # Errors
    /// EMFILE.
    pub(crate) fn new(child: Child<()>) -> Result<Self, observe::Error> {
        let sleeper = Sleeper::open(child.pid())?;
        Ok(Worker {
            child,
            sleeper,
            ready: false,
            last_counts: None,
        })
    }

    /// Whether the worker sleeps in its call, or is dead. `tally` is its own.
    ///
    /// # Errors
    /// The worker failed by itself, with what it said; /proc cannot be read.
    pub(crate) fn is_asleep(&mut self, tally: &Tally) -> Result<bool, Error> {
        if self.last_counts.is_some() {
            return Ok(true);
        }
        self.ready = self.ready || tally.ready.load(Relaxed) == 1;
        match self.sleeper.look()? {
            Look::Asleep(_) => Ok(self.ready),
            Look::Awake(_) => Ok(false),
            Look::Ended => {
                // Read before it is reaped: a dead worker keeps its counts until then.
                let counts = kernel_counts(self.child.pid())?;
                self.ensure_it_was_killed()?;
                self.last_counts = Some(counts);
                Ok(true)
            }
        }
    }

    /// Reaps the dead worker.
    ///
    /// # Errors
    /// It could not start, or failed by itself: what it said.
    fn ensure_it_was_killed(&mut self) -> Result<(), child::Error> {
        match self.child.recv::<()>() {
            Err(error) if matches!(error.kind, child::ErrorKind::Ended(_)) && self.ready => Ok(()),
            answer => answer,
        }
    }
}

/// What the kernel has counted of process `pid`.
///
/// # Errors
/// /proc cannot be read.
pub(crate) fn kernel_counts(pid: i32) -> Result<(Status, SchedStat), observe::Error> {
    Ok((observe::status::read(pid)?, observe::schedstat::read(pid)?))
}
