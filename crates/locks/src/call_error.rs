//! A call of the kernel or of the C library that failed: the operation, its object, its errno.

use std::{error, fmt, io};

/// Which call failed, on what, and with which error number.
///
/// It displays operation and object, such as `mmap MAP_SHARED: 4096 bytes`. Its
/// [source](error::Error::source) is the [`io::Error`] of the error number.
///
/// ```
/// use std::error::Error;
/// let error = locks::Shared::<[u64]>::from_fn(usize::MAX, |_| 0).unwrap_err();
/// assert_eq!(error.operation(), "mmap MAP_SHARED");
/// assert_eq!(error.object(), "18446744073709551615 values of 8 bytes");
/// assert_eq!(error.errno(), libc::EOVERFLOW);
/// assert!(error.source().is_some());
/// ```
#[derive(Debug)]
pub struct CallError {
    operation: &'static str,
    object: String,
    errno: i32,
    source: io::Error,
}

impl CallError {
    pub(crate) fn new(operation: &'static str, object: impl Into<String>, errno: i32) -> CallError {
        CallError {
            operation,
            object: object.into(),
            errno,
            source: io::Error::from_raw_os_error(errno),
        }
    }

    /// The call, such as `pthread_mutex_lock`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The object of the call.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// The error number of errno(3), such as ENOTRECOVERABLE.
    pub fn errno(&self) -> i32 {
        self.errno
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.object)
    }
}

impl error::Error for CallError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.source)
    }
}
