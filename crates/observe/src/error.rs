//! The one error: an operation on an object, and the kernel's answer.

use std::{fmt, path::Path};

use nix::errno::Errno;

/// `operation` was refused with `errno`; the error number is also its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Operation and object: `kcmp 4242 fd 3 against 4243 fd 3`.
    pub operation: String,
    /// What the kernel answered.
    pub errno: Errno,
}

impl Error {
    /// `operation` names the operation and its object.
    pub fn new(operation: impl Into<String>, errno: Errno) -> Self {
        Error {
            operation: operation.into(),
            errno,
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
        Some(&self.errno)
    }
}

/// Reads a whole file of text, such as one of proc(5); bytes that are not UTF-8 are replaced.
///
/// # Errors
/// That of open(2) or read(2); ESRCH where the process ended meanwhile.
pub fn read(path: impl AsRef<Path>) -> Result<String, Error> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|e| {
        let errno = e.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
        Error::new(format!("read {}", path.display()), errno)
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
