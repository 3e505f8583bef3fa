//! The whole run: every report, the machine, the summary, the exit status.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Machine, Report, Verdict};

/// Version of the JSON document; it grows when a field changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

/// Everything that a run found.
#[derive(Clone, Debug)]
pub struct Document {
    /// Where it ran.
    pub machine: Machine,
    /// Reports in the register's order.
    pub reports: Vec<Report>,
    /// Why there are not as many as were asked for; none where the run is whole.
    pub partial: Option<Partial>,
}

/// What ended a run before its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partial {
    /// The signal, as `SIGINT`.
    pub signal: String,
    /// Claims that were measured by then.
    pub measured: usize,
    /// Claims that were asked for.
    pub claims: usize,
}

impl fmt::Display for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Partial {
            signal,
            measured,
            claims,
        } = self;
        write!(
            f,
            "{measured} of {claims} claims were measured before {signal}"
        )
    }
}

/// How many claims came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Claims that ran.
    pub claims: usize,
    /// Held without reservation.
    pub holds: usize,
    /// Held with a caveat.
    pub holds_with: usize,
    /// Contradicted by the kernel.
    pub refuted: usize,
    /// Could not be measured here, those with a failed control among them.
    pub not_measured: usize,
    /// Not measured because a control did not come out: the instrument proves nothing.
    pub failed_controls: usize,
    /// Broken set-ups.
    pub error: usize,
}

impl Summary {
    /// Counts the verdicts of `reports`.
    pub fn count(reports: &[Report]) -> Self {
        let mut summary = Summary {
            claims: reports.len(),
            ..Summary::default()
        };
        for report in reports {
            *match report.verdict {
                Verdict::Holds => &mut summary.holds,
                Verdict::HoldsWith(_) => &mut summary.holds_with,
                Verdict::Refuted => &mut summary.refuted,
                Verdict::NotMeasured { .. } => &mut summary.not_measured,
                Verdict::ControlFailed { .. } => {
                    summary.failed_controls += 1;
                    &mut summary.not_measured
                }
                Verdict::Error(_) => &mut summary.error,
            } += 1;
        }
        summary
    }

    /// The exit status of a run: 2 where a set-up broke or a control failed, else 1 where a claim
    /// was refuted, else 4 where none could be measured, or where `strict` and one was not, else 0.
    pub fn exit_status(&self, strict: bool) -> u8 {
        let Summary {
            claims,
            refuted,
            not_measured,
            failed_controls,
            error,
            ..
        } = *self;
        let nothing_measured = claims > 0 && not_measured == claims;
        match () {
            () if error > 0 || failed_controls > 0 => 2,
            () if refuted > 0 => 1,
            () if nothing_measured || strict && not_measured > 0 => 4,
            () => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_outcome_decides_the_exit_status() {
        let summary = |holds, refuted, not_measured, failed_controls, error| Summary {
            claims: holds + refuted + not_measured + error,
            holds,
            refuted,
            not_measured,
            failed_controls,
            error,
            ..Summary::default()
        };
        for (summary, lenient, strict) in [
            (summary(2, 0, 0, 0, 0), 0, 0),
            (summary(1, 0, 1, 0, 0), 0, 4),
            (summary(0, 0, 2, 0, 0), 4, 4),
            (summary(1, 1, 1, 0, 0), 1, 1),
            (summary(1, 0, 1, 1, 0), 2, 2),
            (summary(1, 1, 1, 1, 0), 2, 2),
            (summary(1, 1, 0, 0, 1), 2, 2),
            (summary(0, 0, 0, 0, 0), 0, 0),
        ] {
            let statuses = (summary.exit_status(false), summary.exit_status(true));
            assert_eq!(statuses, (lenient, strict), "{summary:?}");
        }
    }
}
