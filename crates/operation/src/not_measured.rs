//! The error that means: this could not be measured here.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Returned by a measurement that this machine does not allow; it becomes the verdict of that name.
///
/// What it says stands in its source: where an error is wrapped so that its own type is lost, as in
/// a `Box<dyn Error>` that was an `anyhow::Error`, its sources stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotMeasured(Box<Obstacle>);

/// Why something could not be measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// What was refused, with the error number.
    pub why: String,
    /// What a person can do to have it measured.
    pub enable: String,
}

impl NotMeasured {
    /// `why` it was not measured and how to `enable` it.
    pub fn new(why: impl Into<String>, enable: impl Into<String>) -> Self {
        NotMeasured::from(Obstacle {
            why: why.into(),
            enable: enable.into(),
        })
    }

    /// The result of a measurement that cannot be made here.
    ///
    /// # Errors
    /// Always: [`NotMeasured::new`] of the same.
    pub fn err<T, E: From<NotMeasured>>(
        why: impl Into<String>,
        enable: impl Into<String>,
    ) -> Result<T, E> {
        Err(NotMeasured::new(why, enable).into())
    }
}

/// The obstacle that `error`, or the first of its causes that says so, has met.
pub fn find_obstacle<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Obstacle> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(obstacle) = error.downcast_ref() {
            return Some(obstacle);
        }
        next = error.source();
    }
    None
}

impl From<Obstacle> for NotMeasured {
    fn from(obstacle: Obstacle) -> Self {
        NotMeasured(Box::new(obstacle))
    }
}

impl fmt::Display for NotMeasured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for NotMeasured {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.why, self.enable)
    }
}

impl Error for Obstacle {}
