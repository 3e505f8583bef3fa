//! What a claim says beforehand about one quantity.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::Value;

/// The values that a prediction allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prediction {
    /// Exactly this many.
    Count(u64),
    /// Exactly this word.
    Word(&'static str),
    /// This number or more.
    AtLeast(f64),
    /// This number or less.
    AtMost(f64),
    /// From the first number to the second, both allowed.
    Between(f64, f64),
}

impl Prediction {
    /// Whether `value` is among those predicted. A word never satisfies a number, nor NaN anything.
    pub fn allows(&self, value: &Value) -> bool {
        match (self, value) {
            (Prediction::Word(word), Value::Word(value)) => word == value,
            (Prediction::Word(_), _) | (_, Value::Word(_)) => false,
            (Prediction::Count(count), Value::Count(value)) => count == value,
            (_, value) => {
                let (low, high) = self.range();
                value
                    .as_f64()
                    .is_some_and(|value| low <= value && value <= high)
            }
        }
    }

    /// Whether no value satisfies both predictions.
    pub fn excludes(&self, other: &Prediction) -> bool {
        match (self, other) {
            (Prediction::Word(a), Prediction::Word(b)) => a != b,
            (Prediction::Word(_), _) | (_, Prediction::Word(_)) => true,
            _ => {
                let ((low, high), (other_low, other_high)) = (self.range(), other.range());
                high < other_low || other_high < low
            }
        }
    }

    /// The closed interval of a numeric prediction; a word has an empty one.
    fn range(&self) -> (f64, f64) {
        match *self {
            Prediction::Count(count) => (count as f64, count as f64),
            Prediction::AtLeast(low) => (low, f64::INFINITY),
            Prediction::AtMost(high) => (f64::NEG_INFINITY, high),
            Prediction::Between(low, high) => (low, high),
            Prediction::Word(_) => (f64::INFINITY, f64::NEG_INFINITY),
        }
    }
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Prediction::Count(count) => write!(f, "{count}"),
            Prediction::Word(word) => f.write_str(word),
            Prediction::AtLeast(low) => write!(f, "at least {low}"),
            Prediction::AtMost(high) => write!(f, "at most {high}"),
            Prediction::Between(low, high) if low == high => write!(f, "{low}"),
            Prediction::Between(low, high) => write!(f, "{low} to {high}"),
        }
    }
}

/// A count or a word stands for itself; a bound is an object: `{"at_least": 7.9}`.
impl Serialize for Prediction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bounds: &[(&str, f64)] = match self {
            Prediction::Count(count) => return serializer.serialize_u64(*count),
            Prediction::Word(word) => return serializer.serialize_str(word),
            Prediction::AtLeast(low) => &[("at_least", *low)],
            Prediction::AtMost(high) => &[("at_most", *high)],
            Prediction::Between(low, high) => &[("at_least", *low), ("at_most", *high)],
        };
        let mut map = serializer.serialize_map(Some(bounds.len()))?;
        for (key, bound) in bounds {
            map.serialize_entry(key, bound)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::Prediction::*;
    use super::*;

    #[test]
    fn allows_what_it_says_and_nothing_else() {
        assert!(Count(6).allows(&Value::Count(6)));
        assert!(!Count(6).allows(&Value::Count(7)));
        assert!(Count(1).allows(&Value::Number(1.0)));
        assert!(!Count(1).allows(&Value::Word("1".into())));
        assert!(Word("same").allows(&Value::Word("same".into())));
        assert!(!Word("same").allows(&Value::Word("different".into())));
        assert!(AtLeast(2.0).allows(&Value::Count(2)));
        assert!(!AtMost(2.0).allows(&Value::Number(2.1)));
        assert!(!AtMost(2.0).allows(&Value::Number(f64::NAN)));
        assert!(Between(1.0, 2.0).allows(&Value::Number(1.5)));
    }

    #[test]
    fn excludes_only_what_cannot_meet() {
        assert!(Count(1).excludes(&Count(2)));
        assert!(!Count(1).excludes(&Count(1)));
        assert!(!Count(2).excludes(&AtLeast(2.0)));
        assert!(AtMost(1.0).excludes(&AtLeast(1.5)));
        assert!(!Between(1.0, 3.0).excludes(&Between(3.0, 4.0)));
        assert!(Word("same").excludes(&Word("different")));
        assert!(!Word("same").excludes(&Word("same")));
    }
}
