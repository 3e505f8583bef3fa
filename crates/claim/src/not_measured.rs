//! The error that means: this could not be measured here.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Returned by a measurement that this machine does not allow; it becomes the verdict of that name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotMeasured {
    /// What was refused, with the error number.
    pub why: String,
    /// What a person can do to have it measured.
    pub enable: String,
}

impl NotMeasured {
    /// `why` it was not measured and how to `enable` it.
    pub fn new(why: impl Into<String>, enable: impl Into<String>) -> Self {
        NotMeasured {
            why: why.into(),
            enable: enable.into(),
        }
    }

    /// The result of a measurement that cannot be made here.
    ///
    /// # Errors
    /// Always: [`NotMeasured::new`] of the same.
    pub fn err<T>(why: impl Into<String>, enable: impl Into<String>) -> anyhow::Result<T> {
        Err(NotMeasured::new(why, enable).into())
    }
}

impl fmt::Display for NotMeasured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.why, self.enable)
    }
}

impl Error for NotMeasured {}
