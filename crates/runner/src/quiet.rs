//! The verdict on a claim for which the machine was not quiet enough.

use claim::Verdict;
use harness::quiet::{CLAIM_TOLERANCE, Quiet, judge};

/// How often a claim that needs quiet is measured at most.
pub(crate) const ATTEMPTS: u32 = 3;

/// Whether times cannot be trusted after others used this share of the processors. A machine that
/// does not say what others used is unknown, not quiet.
pub(crate) fn is_disturbed(others: Option<f64>) -> bool {
    judge(others, CLAIM_TOLERANCE) != Quiet::Quiet
}

/// The verdict on a claim that never had the quiet it needs.
pub(crate) fn disturbed_verdict(others: Option<f64>) -> Verdict {
    let (why, enable) = match others {
        Some(others) => (
            format!(
                "other programs used {:.0} % of the processors meanwhile, in {ATTEMPTS} attempts",
                others * 100.0
            ),
            "run it again while the machine does little else",
        ),
        None => (
            "what other programs used of the processors meanwhile is unknown: neither /proc/stat \
             nor the control group's CPU time can be read"
                .to_owned(),
            "run it where /proc/stat can be read",
        ),
    };
    Verdict::NotMeasured {
        why,
        enable: enable.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_does_not_say_is_not_quiet() {
        assert!(!is_disturbed(Some(0.08)) && is_disturbed(Some(0.09)) && is_disturbed(None));
        for (others, word) in [(Some(0.5), "50 %"), (None, "unknown")] {
            let Verdict::NotMeasured { why, .. } = disturbed_verdict(others) else {
                panic!("{others:?} lets a verdict stand");
            };
            assert!(why.contains(word), "{why}");
        }
    }
}
