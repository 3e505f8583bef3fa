//! The one error: an operation on an object, and the kernel's answer.

use std::fmt;
use std::io;

use nix::errno::Errno;

use crate::Operation;

/// `operation` was refused with `errno`; the error number is also its source.
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

    /// The same from an error of std's: see [`errno`].
    pub fn from_io(operation: impl Into<String>, error: &io::Error) -> Self {
        Error::new(operation, errno(error))
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
        write!(f, "{}: {}", self.operation, self.errno)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.cause)
    }
}

/// For functions that answer an error of std's: operation and object stay, and the kind is the
/// number's.
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(io::Error::from(error.errno).kind(), error)
    }
}

/// The error number in an error of std's; EIO for one that std made without asking the kernel, such
/// as the early end of a file.
pub fn errno(error: &io::Error) -> Errno {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let carried = inner.map(|error: &Error| error.errno);
    let own = error.raw_os_error().map(Errno::from_raw);
    own.or(carried).unwrap_or(Errno::EIO)
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
        assert_eq!(errno(&early_end), Errno::EIO);
    }
}
