//! What stands in the way of a comparison.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use harness::interrupt::Interrupted;
use harness::limits::TooManyThreads;

/// A window, or the comparison around it, could not be measured.
#[derive(Debug)]
pub enum Error {
    /// The CPUs of this process cannot be read.
    Affinity(observe::Error),
    /// A thread could not be created (EAGAIN: RLIMIT_NPROC, pids.max).
    Spawn(observe::Error),
    /// A signal came before the window was over.
    Interrupted(Interrupted),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Affinity(error) => error.fmt(f),
            Error::Spawn(error) => write!(f, "{error} (ulimit -u, cgroup pids.max)"),
            Error::Interrupted(interrupted) => interrupted.fmt(f),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Error::Affinity(error) => error.source(),
            Error::Spawn(error) => Some(error),
            Error::Interrupted(_) => None,
        }
    }
}

impl From<Interrupted> for Error {
    fn from(interrupted: Interrupted) -> Error {
        Error::Interrupted(interrupted)
    }
}

/// What is wrong with a plan, and what would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// It names no lock or no regime.
    Empty,
    /// It has no round, or its windows are shorter than 1 ms.
    TooShort,
    /// A regime has no thread.
    NoThreads,
    /// A limit forbids so many threads.
    TooManyThreads {
        /// How many a regime has.
        threads: usize,
        /// The limit.
        source: TooManyThreads,
    },
    /// A window is too short for a regime's section and pause.
    FewOperations {
        /// Length of a window.
        window: Duration,
        /// Length of the section and of the time between two.
        operation: Duration,
    },
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::Empty => f.write_str("nothing to compare: no lock or no regime"),
            PlanError::TooShort => {
                f.write_str("a window lasts at least 0.001 s, and there is at least one round")
            }
            PlanError::NoThreads => {
                f.write_str("0 threads contend for nothing: --threads takes 1 or more")
            }
            PlanError::TooManyThreads { threads, source } => {
                write!(f, "--threads {threads}: {source}")
            }
            PlanError::FewOperations { window, operation } => write!(
                f,
                "a window of {window:?} holds fewer than ten operations of {operation:?}: give \
                 --seconds {} or more",
                (operation.as_nanos() as f64 * 10.0 / 1e9 * 1e3).ceil() / 1e3,
            ),
        }
    }
}

impl StdError for PlanError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            PlanError::TooManyThreads { source, .. } => Some(source),
            _ => None,
        }
    }
}
