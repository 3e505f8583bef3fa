//! The one error: a step that failed, the operation and its object, and what the kernel answered.

use std::fmt;
use std::io;

use locks::CallError;
use nix::errno::Errno;

/// Whatever else an error of this crate comes from.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A failure of this crate: `bind 127.0.0.1:80: Permission denied (os error 13)`.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    object: String,
    source: BoxError,
}

/// The step that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No strategy has this name.
    UnknownStrategy,
    /// A limit of this process leaves no room for so many workers; nothing has been forked.
    NoRoom,
    /// The address cannot be listened on (bind(2), listen(2)): EADDRINUSE, EACCES, EADDRNOTAVAIL.
    Address,
    /// A worker cannot be forked: EAGAIN, EMFILE, ENOMEM.
    Fork,
    /// Workers die as fast as they are replaced.
    WorkersDie,
    /// A system call that this strategy needs was refused; another strategy may do without it.
    System,
}

impl Error {
    /// An error of `kind`: `operation` on `object` failed because of `source`.
    pub(crate) fn new(
        kind: ErrorKind,
        operation: &'static str,
        object: impl Into<String>,
        source: impl Into<BoxError>,
    ) -> Self {
        Error {
            kind,
            operation,
            object: object.into(),
            source: source.into(),
        }
    }

    /// Makes a [`ErrorKind::System`] of what `operation` on `object` failed with.
    pub(crate) fn system<E: Into<BoxError>>(
        operation: &'static str,
        object: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        let object = object.into();
        move |source| Error::new(ErrorKind::System, operation, object, source)
    }

    /// A worker that could not be forked: which one of how many, and, where the kernel's answer is
    /// that of a limit, the limits that may stop it.
    pub fn fork(index: usize, workers: usize, source: impl Into<BoxError>) -> Self {
        let source = source.into();
        let limits = match find_errno(source.as_ref()) {
            Some(Errno::EAGAIN | Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM) => {
                " (limits: ulimit -u, ulimit -n, pids.max of the control group)"
            }
            _ => "",
        };
        let object = format!("worker {} of {workers}{limits}", index + 1);
        Error::new(ErrorKind::Fork, "fork", object, source)
    }

    /// A mapping or a mutex between processes that could not be made.
    pub(crate) fn from_call(error: &CallError) -> Self {
        let errno = Errno::from_raw(error.errno());
        Error::new(ErrorKind::System, error.operation(), error.object(), errno)
    }

    /// The step that failed.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The operation, by the name of its manual page where it is a system call: `bind`.
    #[must_use]
    pub fn operation(&self) -> &str {
        self.operation
    }

    /// The object of the operation: `127.0.0.1:80`. It may be empty.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object
    }

    /// The error number (errno(3)), where a system call was refused.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        find_errno(self.source.as_ref())
    }

    /// Whether every strategy would have failed at this step: it is room for the workers, the
    /// address, or a fork.
    #[must_use]
    pub fn stops_every_strategy(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::NoRoom | ErrorKind::Address | ErrorKind::Fork
        )
    }
}

/// The error number of `error`, or of the first of its causes that has one.
fn find_errno(error: &(dyn std::error::Error + 'static)) -> Option<Errno> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let errno = error.downcast_ref::<Errno>().copied();
        let io = error.downcast_ref().and_then(io::Error::raw_os_error);
        if let Some(errno) = errno.or_else(|| io.map(Errno::from_raw)) {
            return Some(errno);
        }
        cause = error.source();
    }
    None
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation)?;
        if !self.object.is_empty() {
            write!(f, " {}", self.object)?;
        }
        write!(f, ": {}", self.source)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.source.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_named_where_one_of_them_is_the_cause() {
        for (errno, is_limit) in [
            (Errno::EAGAIN, true),
            (Errno::EMFILE, true),
            (Errno::ENOMEM, true),
            (Errno::ENOENT, false),
            (Errno::EPERM, false),
        ] {
            let text = Error::fork(0, 4, errno).to_string();
            assert!(text.starts_with("fork worker 1 of 4"), "{text}");
            assert_eq!(text.contains("ulimit"), is_limit, "{text}");
        }
    }

    #[test]
    fn the_error_number_is_found_wherever_it_comes_from() {
        let refused = io::Error::from_raw_os_error(libc::EADDRINUSE);
        let error = Error::new(ErrorKind::Address, "bind", "127.0.0.1:80", refused);
        assert_eq!(error.errno(), Some(Errno::EADDRINUSE));
        assert!(error.stops_every_strategy());
        let text = error.to_string();
        assert!(text.starts_with("bind 127.0.0.1:80: Address"), "{text}");
        let around = Error::fork(0, 2, error);
        assert_eq!(around.errno(), Some(Errno::EADDRINUSE));
        assert!(around.to_string().starts_with("fork worker 1 of 2: bind "));
        let error = Error::system("epoll_create1", "")(Errno::EMFILE);
        assert_eq!(
            error.to_string(),
            "epoll_create1: EMFILE: Too many open files"
        );
        assert!(!error.stops_every_strategy());
    }
}
