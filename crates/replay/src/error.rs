//! Why a replay, a check of real memory or a recording did not come to its end.

use std::error::Error as StdError;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::{fmt, io};

use nix::errno::Errno;
use present::foreign_text::escape;
use present::units::{bytes, count};

use crate::arena::ArenaError;
use crate::trace::TraceError;

/// What stood in the way, with operation and object.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The trace is damaged or cannot be read.
    Trace(TraceError),
    /// A trace that is read again in each pass has changed meanwhile.
    TraceChanged,
    /// A system call was refused.
    Call {
        /// Operation and object: `open`, `pipe for valgrind's log`.
        operation: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The temporary file for a trace from a pipe was refused.
    TemporaryFile {
        /// `create` or `write`.
        operation: &'static str,
        /// Where the file would lie.
        directory: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// No memory for so many operations; fewer have to be kept.
    NoRoomForOperations {
        /// Operations that were kept by then.
        kept: u64,
    },
    /// More blocks are live at once than half of the available memory can follow.
    TooManyBlocks {
        /// Blocks live at once.
        live: u64,
        /// Operations read by then.
        operations: u64,
    },
    /// How much memory there is cannot be found out.
    AvailableMemory(observe::Error),
    /// The arena is larger than half of the available memory.
    ArenaTooLarge {
        /// Bytes of the arena.
        arena: u64,
        /// Bytes that are available.
        available: u64,
    },
    /// Real memory under a policy: it could not be had, or a block's bytes were not what was
    /// written.
    Arena {
        /// The policy's name.
        policy: String,
        /// What happened.
        source: ArenaError,
    },
    /// There is no program `valgrind` in PATH.
    NoValgrind,
    /// There is no such program, or it may not be executed.
    NoProgram {
        /// As it was named.
        program: OsString,
        /// The kernel's answer.
        source: Errno,
    },
    /// A recording failed while valgrind ran.
    Recording {
        /// How valgrind ended.
        valgrind: ExitStatus,
        /// What failed.
        source: Box<Error>,
    },
}

impl Error {
    pub(crate) fn call(operation: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let operation = operation.into();
        move |source| Error::Call { operation, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Trace(error) => error.fmt(f),
            Error::TraceChanged => f.write_str("the file changed while it was replayed"),
            Error::Call { operation, source } => write!(f, "{operation}: {source}"),
            Error::TemporaryFile {
                operation,
                directory,
                source,
            } => write!(
                f,
                "{operation} a temporary file in {}: {source}; a trace from a pipe that is too \
                 long to keep needs one: set TMPDIR to a directory with room, or replay from a \
                 file, which needs none",
                escape(directory)
            ),
            Error::NoRoomForOperations { kept } => write!(
                f,
                "no memory to keep more than {} operations: let --keep be less",
                count(*kept)
            ),
            Error::TooManyBlocks { live, operations } => write!(
                f,
                "{} blocks live at once after {} operations: more than the available memory can \
                 follow",
                count(*live),
                count(*operations)
            ),
            Error::AvailableMemory(error) => error.fmt(f),
            Error::ArenaTooLarge { arena, available } => write!(
                f,
                "an arena of {} is more than half of the available memory ({}); without --real it \
                 needs none",
                bytes(*arena),
                bytes(*available)
            ),
            Error::Arena { policy, source } => write!(f, "{policy}: {source}"),
            Error::NoValgrind => f.write_str(
                "valgrind is not installed (Debian and Ubuntu: apt-get install valgrind; Fedora: \
                 dnf install valgrind)",
            ),
            Error::NoProgram { program, source } => write!(f, "{}: {source}", escape(program)),
            Error::Recording { valgrind, source } => {
                write!(f, "recording (valgrind: {valgrind}): {source}")
            }
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Error::Trace(error) => error.source(),
            Error::Call { source, .. } | Error::TemporaryFile { source, .. } => Some(source),
            Error::AvailableMemory(error) => error.source(),
            Error::Arena { source, .. } => Some(source),
            Error::NoProgram { source, .. } => Some(source),
            Error::Recording { source, .. } => Some(source),
            Error::TraceChanged
            | Error::NoRoomForOperations { .. }
            | Error::TooManyBlocks { .. }
            | Error::ArenaTooLarge { .. }
            | Error::NoValgrind => None,
        }
    }
}

impl From<TraceError> for Error {
    fn from(error: TraceError) -> Error {
        Error::Trace(error)
    }
}
