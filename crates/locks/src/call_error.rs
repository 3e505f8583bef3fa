//! A call of the C library that failed, with its error number.

use std::{error, fmt, io};

/// What was called, on what, and how it failed. Displays the call; the [source](error::Error::source) is the
/// [`io::Error`] of its number.
#[derive(Debug)]
pub struct CallError {
    call: String,
    source: io::Error,
}

impl CallError {
    pub(super) fn new(call: impl Into<String>, source: io::Error) -> Self {
        Self {
            call: call.into(),
            source,
        }
    }

    /// The error number of errno(3), such as ENOTRECOVERABLE; 0 if the call gave none.
    pub fn errno(&self) -> i32 {
        self.source.raw_os_error().unwrap_or(0)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.call)
    }
}

impl error::Error for CallError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.source)
    }
}
