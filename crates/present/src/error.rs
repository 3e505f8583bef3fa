//! What went wrong with an output: the operation, its object, and the reason.

use std::fmt::{Display, Formatter};
use std::io;
use std::path::Path;

use crate::foreign_text::escape;

/// Output that could not be written.
///
/// It says "write to standard output" or "open /path"; the [source](std::error::Error::source) is
/// the [`io::Error`] with the kernel's reason. A path in it is escaped ([`crate::foreign_text`]).
#[derive(Debug)]
pub struct Error {
    operation: &'static str,
    object: String,
    source: io::Error,
}

impl Error {
    pub(crate) fn new(operation: &'static str, object: &str, source: io::Error) -> Error {
        Error {
            operation,
            object: object.to_owned(),
            source,
        }
    }

    pub(crate) fn at(operation: &'static str, path: &Path, source: io::Error) -> Error {
        Error::new(operation, &escape(path), source)
    }

    /// What was tried: `open`, `write`, `rename to`, `write to`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// With what: a path as it may be shown, or `standard output`.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// Why it failed.
    pub fn io(&self) -> &io::Error {
        &self.source
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.operation, self.object)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
