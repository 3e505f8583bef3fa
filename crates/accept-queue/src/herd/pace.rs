//! When the next connection is made.

use std::fmt;
use std::str::FromStr;

/// When the next connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Once every worker sleeps in its call again.
    AllAsleep,
    /// As soon as the last one is closed.
    BackToBack,
    /// So many at once, then as soon as all of them are closed.
    Burst(usize),
}

/// Connections in a burst at most: the accept queue must hold them.
const MAX_BURST: usize = 4096;

impl FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all-asleep" => Ok(Pace::AllAsleep),
            "back-to-back" => Ok(Pace::BackToBack),
            _ => match text.strip_prefix("burst=").map(str::parse) {
                Some(Ok(size)) if (1..=MAX_BURST).contains(&size) => Ok(Pace::Burst(size)),
                Some(_) => Err(format!("a burst has 1 to {MAX_BURST} connections: burst=8")),
                None => Err("a pace is all-asleep, back-to-back or burst=K".to_owned()),
            },
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pace::AllAsleep => f.write_str("all-asleep"),
            Pace::BackToBack => f.write_str("back-to-back"),
            Pace::Burst(size) => write!(f, "burst={size}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_understood() {
        for pace in [Pace::AllAsleep, Pace::BackToBack, Pace::Burst(8)] {
            assert_eq!(pace.to_string().parse(), Ok(pace));
        }
        for wrong in ["burst=0", "burst=5000", "burst=", "burst", "fast", ""] {
            assert!(wrong.parse::<Pace>().is_err(), "{wrong}");
        }
    }
}
