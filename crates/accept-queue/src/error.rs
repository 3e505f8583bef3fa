//! What this library's functions fail with.

use std::fmt;

use harness::interrupt::Interrupted;
use nix::sys::signal::Signal;
use prefork::BoxError;

/// A failure of the meter, of its workers or of its client.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// This signal asked the process to end.
    Interrupted(Signal),
    /// A strategy could not be prepared, or its workers not be started.
    Prefork(prefork::Error),
    /// A fact about a process or a socket could not be read.
    Observe(observe::Error),
    /// A child failed, or could not be talked to.
    Child(child::Error),
    /// This operation on this object was refused: `connect to 127.0.0.1:8080`.
    System {
        /// The operation and its object.
        operation: String,
        /// What it failed with; the error number is in its chain.
        source: BoxError,
    },
    /// What was asked for cannot be measured so, in a sentence.
    Plan(String),
    /// Workers or connections do not come to the state that is waited for, in a sentence.
    Stuck(String),
    /// The tracepoint counted a known number of wakeups wrong, in a sentence.
    SelfCheck(String),
}

impl Error {
    /// Makes an [`Error::System`] of what `operation` failed with.
    pub(crate) fn system<E: Into<BoxError>>(
        operation: impl Into<String>,
    ) -> impl FnOnce(E) -> Error {
        let operation = operation.into();
        move |source| Error::System {
            operation,
            source: source.into(),
        }
    }

    /// Whether every row of a run would fail like this: there is no room for the workers, the
    /// address cannot be listened on, a worker cannot be forked.
    #[must_use]
    pub fn stops_every_row(&self) -> bool {
        matches!(self, Error::Prefork(error) if error.stops_every_strategy())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Interrupted(signal) => write!(f, "interrupted by {signal}"),
            Error::Prefork(error) => error.fmt(f),
            Error::Observe(error) => error.fmt(f),
            Error::Child(error) => error.fmt(f),
            Error::System { operation, source } => write!(f, "{operation}: {source}"),
            Error::Plan(sentence) | Error::Stuck(sentence) | Error::SelfCheck(sentence) => {
                f.write_str(sentence)
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Prefork(error) => Some(error),
            Error::Observe(error) => Some(error),
            Error::Child(error) => Some(error),
            Error::System { source, .. } => Some(source.as_ref()),
            Error::Interrupted(_) | Error::Plan(_) | Error::Stuck(_) | Error::SelfCheck(_) => None,
        }
    }
}

impl From<Interrupted> for Error {
    fn from(Interrupted(signal): Interrupted) -> Self {
        Error::Interrupted(signal)
    }
}

impl From<prefork::Error> for Error {
    fn from(error: prefork::Error) -> Self {
        Error::Prefork(error)
    }
}

impl From<observe::Error> for Error {
    fn from(error: observe::Error) -> Self {
        Error::Observe(error)
    }
}

impl From<child::Error> for Error {
    fn from(error: child::Error) -> Self {
        Error::Child(error)
    }
}
