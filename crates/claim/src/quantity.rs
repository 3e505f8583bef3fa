//! One thing that both arms of a claim read.

use crate::Prediction;

/// The name of a quantity, of which nothing is predicted yet: a noun phrase, the same for both
/// arms.
///
/// Each of its methods takes what the experiment must read, and then what the control must read.
#[derive(Clone, Copy, Debug)]
pub struct Name(pub &'static str);

/// One thing that both arms read through the same instrument, and what each must read.
///
/// A claim keeps each of its quantities as a constant, lists it among its
/// [`quantities`](crate::Claim::quantities) and gives it to [`Reading::with`](crate::Reading::with)
/// with the observed value, so that a misspelt one does not compile:
///
/// ```
/// use claim::Prediction::{AtLeast, Count};
/// use claim::{Name, Quantity};
///
/// const OFFSET: Quantity = Name("offset after lseek to 5").count(5, 0).unit("bytes");
/// const OUTCOME: Quantity = Name("what the write ended in").word("EBADF", "ok");
/// const WAKEUPS: Quantity = Name("wakeups of 8 workers").predict(Count(1), AtLeast(7.9));
/// # assert_eq!((OFFSET.unit, OUTCOME.unit, WAKEUPS.name), ("bytes", "", "wakeups of 8 workers"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    /// A noun phrase, the same for both arms.
    pub name: &'static str,
    /// The unit, empty for plain counts and words.
    pub unit: &'static str,
    /// What the experiment must read.
    pub experiment: Prediction,
    /// What the control must read: no value satisfies both.
    pub control: Prediction,
    /// Whether it stands for its claim where there is room for one quantity alone.
    pub is_main: bool,
}

impl Name {
    /// A quantity with these predictions.
    pub const fn predict(self, experiment: Prediction, control: Prediction) -> Quantity {
        Quantity {
            name: self.0,
            unit: "",
            experiment,
            control,
            is_main: false,
        }
    }

    /// A quantity with exactly these values.
    pub const fn count(self, experiment: u64, control: u64) -> Quantity {
        self.predict(Prediction::Count(experiment), Prediction::Count(control))
    }

    /// A quantity with these words for its values.
    pub const fn word(self, experiment: &'static str, control: &'static str) -> Quantity {
        self.predict(Prediction::Word(experiment), Prediction::Word(control))
    }
}

impl Quantity {
    /// The same quantity, measured in `unit`.
    #[must_use]
    pub const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// The same quantity, as the one that stands for its claim. Without such a one it is the first.
    #[must_use]
    pub const fn main(mut self) -> Self {
        self.is_main = true;
        self
    }
}
