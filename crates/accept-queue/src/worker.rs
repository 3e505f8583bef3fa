//! One worker, as its parent sees it: asleep in its call, awake, dead.

use std::sync::atomic::Ordering::Relaxed;

use child::{Child, ErrorKind};
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use observe::schedstat::SchedStat;
use observe::sleep::{Look, Sleeper};
use observe::status::Status;
use prefork::Tally;

use crate::counts::Counter;
use crate::error::Error;

/// A forked worker; dropped, it is killed and reaped.
pub(crate) struct Worker {
    pub(crate) child: Child<()>,
    sleeper: Sleeper,
    /// Who counts its sleeps.
    pub(crate) counter: Counter,
    /// Its tally said once that it is about to wait for its first connection. Remembered here, so
    /// that the worker's own cache line is not read again.
    ready: bool,
    /// What the kernel had counted when the worker died.
    pub(crate) last_counts: Option<(Status, SchedStat)>,
    /// How the worker died.
    end: Option<WaitStatus>,
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
            counter: Counter::Kernel,
            ready: false,
            last_counts: None,
            end: None,
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
                let counts = self.read_counts()?;
                self.end = Some(self.reap_killed()?);
                self.last_counts = Some(counts);
                Ok(true)
            }
        }
    }

    /// What the kernel has counted so far; zeros where it does not count.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub(crate) fn read_counts(&self) -> Result<(Status, SchedStat), observe::Error> {
        let pid = self.child.pid();
        match (&self.last_counts, self.counter) {
            (Some(counts), _) => Ok(counts.clone()),
            (None, Counter::Kernel) => kernel_counts(pid),
            (None, Counter::Worker) => Ok((observe::status::read(pid)?, SchedStat::default())),
        }
    }

    /// Reaps the dead worker: how it ended.
    ///
    /// # Errors
    /// It could not start, or failed by itself: what it said.
    fn reap_killed(&mut self) -> Result<WaitStatus, child::Error> {
        match self
            .child
            .recv::<()>()
            .map_err(|error| (error.kind, error.child))
        {
            Err((ErrorKind::Ended(status), _)) if self.ready => Ok(status),
            Err((kind, child)) => Err(child::Error { child, kind }),
            Ok(()) => self.child.wait(),
        }
    }

    /// What a signal from outside has done to it, in words: ended it, stopped it, or stopped it and
    /// let it go on. The kernel keeps the last of these for its parent (waitid(2)).
    pub(crate) fn interference(&self) -> Option<String> {
        let pid = self.child.pid();
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WSTOPPED | WaitPidFlag::WCONTINUED;
        let look = look | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let kept = || waitid(Id::Pid(Pid::from_raw(pid)), look).ok();
        Some(match self.end.or_else(kept)? {
            WaitStatus::Signaled(_, signal, _) if !is_fault(signal) => {
                format!("{signal} has killed worker {pid}")
            }
            WaitStatus::Stopped(_, signal) => format!("{signal} has stopped worker {pid}"),
            WaitStatus::Continued(_) => format!("worker {pid} was stopped, and continued"),
            _ => return None,
        })
    }
}

/// Whether a program brings this signal on itself, by what it does (signal(7)).
fn is_fault(signal: Signal) -> bool {
    use Signal::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS};
    matches!(
        signal,
        SIGABRT | SIGBUS | SIGFPE | SIGILL | SIGSEGV | SIGSYS
    )
}

/// What the kernel has counted of process `pid`.
///
/// # Errors
/// /proc cannot be read.
pub(crate) fn kernel_counts(pid: i32) -> Result<(Status, SchedStat), observe::Error> {
    Ok((observe::status::read(pid)?, observe::schedstat::read(pid)?))
}
