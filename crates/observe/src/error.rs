//! The one error: an operation on an object, and the kernel's answer.

use std::fmt;
use std::io;
use std::path::Path;

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

    /// The same from an error of std's: see [`errno`].
    pub fn from_io(operation: impl Into<String>, error: &io::Error) -> Self {
        Error::new(operation, errno(error))
    }

    /// The kernel answered, but without what was looked for: `operation` names the file and the
    /// field.
    pub fn no_data(operation: impl Into<String>) -> Self {
        Error::new(operation, Errno::ENODATA)
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
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// Reads a whole file of text, such as one of proc(5); bytes that are not UTF-8 are replaced.
///
/// # Errors
/// That of open(2) or read(2); ESRCH where the process ended meanwhile.
pub(crate) fn read_text(path: impl AsRef<Path>) -> Result<String, Error> {
    Ok(String::from_utf8_lossy(&read_bytes(path)?).into_owned())
}

/// Reads a whole file of bytes.
///
/// # Errors
/// As [`read_text`].
pub(crate) fn read_bytes(path: impl AsRef<Path>) -> Result<Vec<u8>, Error> {
    let path = path.as_ref();
    std::fs::read(path).map_err(|e| Error::from_io(format!("read {}", path.display()), &e))
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
        let early_end = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(errno(&early_end), Errno::EIO);
    }
}
