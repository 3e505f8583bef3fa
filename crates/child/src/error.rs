//! What can go wrong between a parent and a child, always with the child's name.

use std::{fmt, time::Duration};

use nix::errno::Errno;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use operation::{NotMeasured, Obstacle, Operation, find_obstacle};
use serde::{Deserialize, Serialize};

/// The calls of [`ErrorKind::System`] whose refusals have remedies of their own.
pub(crate) const FORK: &str = "fork";
pub(crate) const UNSHARE_NET: &str = "unshare CLONE_NEWNET";
pub(crate) const UNSHARE_USER_AND_NET: &str = "unshare CLONE_NEWUSER | CLONE_NEWNET";

/// Whatever a child's closure fails with; `anyhow::Error` converts into it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A failure of a child or of talking to it.
#[derive(Debug)]
pub struct Error {
    /// Name and process id of the child, as far as it got one.
    pub child: String,
    /// What went wrong.
    pub kind: ErrorKind,
}

/// The ways in which a child fails its parent.
#[derive(Debug)]
pub enum ErrorKind {
    /// A system call failed: its name and error number. That is `UnknownErrno`, which is not shown,
    /// where the call answered without an error and has not done what was asked.
    System(&'static str, Errno),
    /// fork was refused because the process has this many threads.
    Threads(usize),
    /// The child's closure returned an error.
    Failed {
        /// The messages of the chain, outermost first, joined with `: `.
        message: String,
        /// The error number found in the chain, if any.
        errno: Option<Errno>,
        /// The operation that it came from, as far as an error of the chain says so.
        operation: Operation,
        /// What it could not measure, and what would allow it, where it said that.
        obstacle: Option<NotMeasured>,
    },
    /// The child panicked with this message.
    Panicked(String),
    /// The child ended before it said what was waited for.
    Ended(WaitStatus),
    /// The child aborted, as a program does whose allocation fails, under this limit on memory. The
    /// source of the error is ENOMEM.
    OutOfMemory(WaitStatus, String),
    /// Nothing came within the limit, while waiting for this.
    Late(&'static str, Duration),
    /// Something else came than what was waited for.
    Unexpected(String),
    /// This kernel does not give what was asked of it, though the call answers that it did. What it
    /// could not be measured with is the source.
    Lacking(NotMeasured),
}

/// An error as it crosses from a child to its parent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    message: String,
    errno: Option<i32>,
    operation: Operation,
    obstacle: Option<Obstacle>,
}

impl Failure {
    pub(crate) fn from_error(error: BoxError) -> Self {
        let mut message = error.to_string();
        let mut errno = None;
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
        while let Some(error) = next {
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            if let Some(found) = error.downcast_ref::<Errno>() {
                errno = Some(*found as i32);
            } else if let Some(found) = error.downcast_ref::<std::io::Error>() {
                errno = found.raw_os_error().or(errno);
            }
            next = error.source();
        }
        Failure {
            message,
            errno,
            operation: find_operation(error.as_ref()),
            obstacle: find_obstacle(error.as_ref()).cloned(),
        }
    }
}

impl From<Failure> for ErrorKind {
    fn from(failure: Failure) -> Self {
        let Failure {
            message,
            errno,
            operation,
            obstacle,
        } = failure;
        ErrorKind::Failed {
            message,
            errno: errno.map(Errno::from_raw),
            operation,
            obstacle: obstacle.map(NotMeasured::from),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Error { child, kind } = self;
        match kind {
            ErrorKind::Threads(_) => write!(
                f,
                "child {child}: fork refused: {kind}, and the child would inherit locks held by \
                 threads that it does not have"
            ),
            kind => write!(f, "child {child}: {kind}"),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::System(call, Errno::UnknownErrno) => {
                write!(f, "{call}: it answered, and did not do what was asked")
            }
            ErrorKind::System(call, errno) => write!(f, "{call}: {errno}"),
            ErrorKind::Threads(threads) => write!(f, "this process has {threads} threads"),
            ErrorKind::Failed { message, .. } => f.write_str(message),
            ErrorKind::Panicked(message) => write!(f, "panicked: {message}"),
            ErrorKind::Ended(WaitStatus::Signaled(_, signal, _)) => write!(f, "killed by {signal}"),
            ErrorKind::Ended(WaitStatus::Exited(_, status)) => {
                write!(f, "exited with status {status} before it answered")
            }
            ErrorKind::Ended(status) => write!(f, "ended: {status:?}"),
            ErrorKind::OutOfMemory(_, limit) => {
                write!(
                    f,
                    "killed by SIGABRT, as a failed allocation ends, under {limit}"
                )
            }
            ErrorKind::Late(what, limit) => write!(f, "no {what} within {limit:?}"),
            ErrorKind::Unexpected(what) => f.write_str(what),
            ErrorKind::Lacking(obstacle) => obstacle.fmt(f),
        }
    }
}

impl ErrorKind {
    /// What it means that a child ended in this way of which more was expected.
    pub(crate) fn of_end(status: WaitStatus) -> ErrorKind {
        let aborted = matches!(status, WaitStatus::Signaled(_, Signal::SIGABRT, _));
        match memory_limit().filter(|_| aborted) {
            Some(limit) => ErrorKind::OutOfMemory(status, limit),
            None => ErrorKind::Ended(status),
        }
    }
}

/// The operation that was refused, as the innermost cause of `error` that knows it says, on
/// whichever side of a fork it stood.
pub fn find_operation(error: &(dyn std::error::Error + 'static)) -> Operation {
    let mut found = operation::find(error);
    let mut next = Some(error);
    while let (Operation::Other, Some(error)) = (&found, next) {
        if let Some(error) = error.downcast_ref::<Error>() {
            found = error.kind.operation();
        }
        next = error.source();
    }
    found
}

impl ErrorKind {
    fn operation(&self) -> Operation {
        match self {
            ErrorKind::System(FORK, _) => Operation::Fork,
            ErrorKind::System(UNSHARE_NET | UNSHARE_USER_AND_NET, _) => Operation::Unshare,
            ErrorKind::Failed { operation, .. } => operation.clone(),
            _ => Operation::Other,
        }
    }
}

/// The limit on memory that this process has, and its children have with it.
fn memory_limit() -> Option<String> {
    let limits = [
        (Resource::RLIMIT_AS, "RLIMIT_AS", "-v"),
        (Resource::RLIMIT_DATA, "RLIMIT_DATA", "-d"),
    ];
    limits.into_iter().find_map(|(resource, name, option)| {
        let (soft, _) = getrlimit(resource).ok()?;
        let kib = soft >> 10;
        (soft != RLIM_INFINITY).then(|| format!("{name} of {kib} KiB (ulimit {option})"))
    })
}

/// The error number in an error of std's; none of the kernel's where std made it by itself.
pub(crate) fn errno(error: &std::io::Error) -> Errno {
    error
        .raw_os_error()
        .map_or(Errno::UnknownErrno, Errno::from_raw)
}

/// The source is the obstacle or the error number, where there is one, so that a caller can find it
/// in the chain.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.kind.source()
    }
}

impl std::error::Error for ErrorKind {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ErrorKind::System(_, Errno::UnknownErrno) => None,
            ErrorKind::System(_, errno) => Some(errno),
            ErrorKind::OutOfMemory(..) => Some(&Errno::ENOMEM),
            ErrorKind::Lacking(obstacle) => Some(obstacle),
            ErrorKind::Failed {
                obstacle: Some(obstacle),
                ..
            } => Some(obstacle),
            ErrorKind::Failed { errno, .. } => errno.as_ref().map(|errno| errno as _),
            _ => None,
        }
    }
}
