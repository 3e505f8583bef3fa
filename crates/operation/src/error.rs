//! The one error: an operation on an object, and the kernel's answer.

use std::fmt;
use std::io;

use nix::errno::Errno;

use crate::Operation;

/// `operation` was refused with `errno`; the error number, where there is one, is also its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Operation and object, for people: `kcmp 4242 fd 3 against 4243 fd 3`.
    pub operation: String,
    /// What the kernel answered.
    pub errno: Errno,
    /// The operation, for programs.
    pub kind: Operation,
    /// Both of these once more, as the source.
    cause: Box<Refusal>,
}

/// What the kernel answered to what. The source of an [`Error`]: where an error is wrapped so that
/// its own type is lost, as in a `Box<dyn Error>` that was an `anyhow::Error`, its sources stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The operation.
    pub kind: Operation,
    /// The answer.
    pub errno: Errno,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.errno.fmt(f)
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.errno)
    }
}

impl Error {
    /// `operation` names the operation and its object.
    pub fn new(operation: impl Into<String>, errno: Errno) -> Self {
        Error {
            operation: operation.into(),
            errno,
            kind: Operation::Other,
            cause: Box::new(Refusal {
                kind: Operation::Other,
                errno,
            }),
        }
    }

    /// The same from an error of std's: see [`errno`]. One that has no number is told in its words.
    pub fn from_io(operation: impl Into<String>, error: &io::Error) -> Self {
        match errno(error) {
            Errno::UnknownErrno => Error::without_errno(format!("{}: {error}", operation.into())),
            errno => Error::new(operation, errno),
        }
    }

    /// The kernel gave no error number: it answered that something was done, and that was not.
    /// `sentence` says what. The number is then [`Errno::UnknownErrno`], which nobody is shown.
    pub fn without_errno(sentence: impl Into<String>) -> Self {
        Error::new(sentence, Errno::UnknownErrno)
    }

    /// The kernel answered, but without what was looked for: `operation` names the file and the
    /// field.
    pub fn no_data(operation: impl Into<String>) -> Self {
        Error::new(operation, Errno::ENODATA).with_kind(Operation::Field)
    }

    /// The same error, which says by its type what the operation was.
    #[must_use]
    pub fn with_kind(self, kind: Operation) -> Self {
        let cause = Box::new(Refusal {
            kind: kind.clone(),
            errno: self.errno,
        });
        Error {
            kind,
            cause,
            ..self
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errno {
            Errno::UnknownErrno => f.write_str(&self.operation),
            errno => write!(f, "{}: {errno}", self.operation),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        (self.errno != Errno::UnknownErrno).then_some(&*self.cause as _)
    }
}

/// For functions that answer an error of std's: operation and object stay, and the kind is the
/// number's.
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(io::Error::from(error.errno).kind(), error)
    }
}

/// The error number in an error of std's; `UnknownErrno` for one that std made without asking the
/// kernel, such as the early end of a file.
pub fn errno(error: &io::Error) -> Errno {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let carried = inner.map(|error: &Error| error.errno);
    let own = error.raw_os_error().map(Errno::from_raw);
    own.or(carried).unwrap_or(Errno::UnknownErrno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_the_kernel_is_kept() {
        let absent = std::fs::read("/proc/self/no such file").unwrap_err();
        let error = Error::from_io("read it", &absent);
        assert_eq!(error, Error::new("read it", Errno::ENOENT));
        let back = io::Error::from(error);
        assert_eq!(back.kind(), io::ErrorKind::NotFound);
        assert!(back.to_string().starts_with("read it: ENOENT"), "{back}");
        assert_eq!(errno(&back), Errno::ENOENT);
        let early_end = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(errno(&early_end), Errno::UnknownErrno);
    }

    /// A call that answers that it was done, and did nothing, gives none.
    #[test]
    fn no_number_is_invented() {
        let error = Error::without_errno("sched_setaffinity CPU 1 did nothing");
        assert_eq!(error.to_string(), "sched_setaffinity CPU 1 did nothing");
        assert!(std::error::Error::source(&error).is_none());
        let early_end = io::Error::from(io::ErrorKind::UnexpectedEof);
        let error = Error::from_io("read it", &early_end).to_string();
        assert_eq!(error, "read it: unexpected end of file");
    }
}
