//! Why a process, or a part of it, cannot be looked at.

use std::error::Error as StdError;
use std::ffi::OsString;
use std::fmt;

use present::foreign_text::escape;

/// What stood in the way. The kernel's answers name operation and object.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// There is no process of this number, or /proc hides it.
    NoSuchProcess {
        /// The number.
        pid: i32,
    },
    /// A kernel thread has no address space of its own.
    KernelThread {
        /// The process.
        pid: i32,
        /// Its name.
        command: OsString,
    },
    /// The process has ended and waits to be reaped.
    Zombie {
        /// The process.
        pid: i32,
        /// Its name.
        command: OsString,
    },
    /// The process ended while it was looked at.
    Ended {
        /// The process.
        pid: i32,
        /// Its name.
        command: OsString,
    },
    /// Ptrace access to the process is denied (ptrace(2)).
    NotPermitted {
        /// The process.
        pid: i32,
        /// Its name.
        command: OsString,
        /// The kernel's answer.
        source: observe::Error,
    },
    /// The process's memory may not be read.
    MemoryNotPermitted(observe::Error),
    /// Neither the program's file nor the auxiliary vector shows how wide the addresses are.
    UnknownWidth {
        /// What came of the program's file.
        program: Box<observe::Error>,
        /// What came of the auxiliary vector.
        vector: observe::Error,
    },
    /// A file of /proc lacks what was looked for.
    NotFound {
        /// The file.
        file: String,
        /// What it lacks.
        what: &'static str,
    },
    /// pagemap shows no frame numbers without CAP_SYS_ADMIN.
    HiddenFrames,
    /// Any other answer of the kernel.
    Read(observe::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoSuchProcess { pid } => write!(
                f,
                "process {pid}: no such process (or hidden by the hidepid option of /proc)"
            ),
            Error::KernelThread { pid, command } => write!(
                f,
                "process {pid} ({}) is a kernel thread: it has no address space of its own",
                escape(command)
            ),
            Error::Zombie { pid, command } => write!(
                f,
                "process {pid} ({}) has ended and waits to be reaped: its memory is gone",
                escape(command)
            ),
            Error::Ended { pid, command } => {
                write!(f, "process {pid} ({}) ended meanwhile", escape(command))
            }
            Error::NotPermitted {
                pid,
                command,
                source,
            } => write!(
                f,
                "process {pid} ({}) may not be looked at: it takes its owner's uid, or \
                 CAP_SYS_PTRACE in its user namespace, and no security module (AppArmor, SELinux, \
                 Yama) in the way: {source}",
                escape(command)
            ),
            Error::MemoryNotPermitted(source) => write!(
                f,
                "{} (it takes CAP_SYS_PTRACE in its user namespace, or its owner's uid and \
                 kernel.yama.ptrace_scope 0): {}",
                source.operation, source.errno
            ),
            Error::UnknownWidth { program, vector } => write!(f, "{program}, and {vector}"),
            Error::NotFound { file, what } => write!(f, "{file} has no {what}"),
            Error::HiddenFrames => f.write_str("pagemap hides frame numbers without CAP_SYS_ADMIN"),
            Error::Read(source) => source.fmt(f),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Error::NotPermitted { source, .. } | Error::MemoryNotPermitted(source) => Some(source),
            Error::Read(source) => source.source(),
            Error::UnknownWidth { vector, .. } => Some(vector),
            _ => None,
        }
    }
}

impl From<observe::Error> for Error {
    fn from(error: observe::Error) -> Error {
        Error::Read(error)
    }
}
