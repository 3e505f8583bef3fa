//! A measurement that a signal ended: what it still has to say.

use std::fmt;

use nix::sys::signal::Signal;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// How far a measurement came before SIGINT, SIGTERM or SIGHUP ended it.
///
/// In JSON: `{"signal": "SIGINT", "measured": 12, "windows": 160}`, where the last field is called
/// after what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialMeasurement {
    /// What ended it.
    pub signal: Signal,
    /// How many were measured by then.
    pub measured: usize,
    /// How many a whole one has.
    pub planned: usize,
    /// What is counted, in the plural: `windows`.
    pub unit: &'static str,
}

impl PartialMeasurement {
    /// The exit status: 128 and the signal's number.
    pub fn exit_status(&self) -> u8 {
        harness::interrupt::exit_status(self.signal)
    }

    /// The first lines of a report in text.
    pub fn heading(&self) -> String {
        format!("PARTIAL: {self}\n\n")
    }
}

impl fmt::Display for PartialMeasurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PartialMeasurement {
            signal,
            measured,
            planned,
            unit,
        } = self;
        write!(
            f,
            "{signal} ended the run after {measured} of {planned} {unit}"
        )
    }
}

impl Serialize for PartialMeasurement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("signal", self.signal.as_str())?;
        map.serialize_entry("measured", &self.measured)?;
        map.serialize_entry(self.unit, &self.planned)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_alike_in_text_and_in_json() {
        let partial = PartialMeasurement {
            signal: Signal::SIGHUP,
            measured: 3,
            planned: 7,
            unit: "costs",
        };
        assert_eq!(
            partial.heading(),
            "PARTIAL: SIGHUP ended the run after 3 of 7 costs\n\n"
        );
        let json = serde_json::to_string(&partial).unwrap_or_default();
        assert_eq!(json, r#"{"signal":"SIGHUP","measured":3,"costs":7}"#);
        assert_eq!(partial.exit_status(), 129);
    }
}
