//! What stands in the way of the doctor.

use std::{error, fmt, io};

/// A cost could not be measured.
#[derive(Debug)]
pub enum Error {
    /// The CPUs of this process cannot be read, or a thread cannot be pinned to one of them.
    Affinity(observe::Error),
    /// A probing thread could not be created (EAGAIN: RLIMIT_NPROC, pids.max).
    Spawn(io::Error),
    /// A probing thread panicked.
    Panicked,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Affinity(error) => error.fmt(f),
            Error::Spawn(error) => write!(f, "spawn a probing thread: {error}"),
            Error::Panicked => f.write_str("a probing thread panicked"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::Affinity(error) => error.source(),
            Error::Spawn(error) => Some(error),
            Error::Panicked => None,
        }
    }
}
