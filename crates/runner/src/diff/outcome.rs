//! What a claim came to in one document, and why: what a reader is told of a verdict that differs.

use claim::Value;

use super::document::{Claim, Prediction, Verdict};

/// Quantities that are named of a claim, so that a reason stays a line or two.
const NAMED: usize = 3;

/// A verdict and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// Why: what was refused or broke, the reservation, or the values that decided.
    pub reason: String,
}

impl Outcome {
    /// That of `claim`.
    pub fn from_claim(claim: &Claim) -> Outcome {
        let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "no reason given".into());
        let reason = match claim.verdict {
            Verdict::NotMeasured | Verdict::Error => told(&claim.why),
            Verdict::HoldsWith => told(&claim.caveat),
            Verdict::Refuted => values(claim, |value, predicted| !predicted.allows(value)),
            Verdict::Holds => values(claim, |_, _| true),
        };
        Outcome {
            verdict: claim.verdict,
            reason,
        }
    }

    /// Verdict and reason in one line.
    pub fn sentence(&self) -> String {
        let Outcome { verdict, reason } = self;
        match reason.is_empty() {
            true => verdict.words().to_owned(),
            false => format!("{}: {reason}", verdict.words()),
        }
    }
}

/// The observed values that are `chosen`, the first of them, each with its prediction where it is
/// not that.
fn values(claim: &Claim, chosen: impl Fn(&Value, &Prediction) -> bool) -> String {
    let pairs = claim.observed.iter().filter_map(|(name, value)| {
        let predicted = claim.predicted.get(name)?;
        chosen(value, predicted).then_some((name, value, predicted))
    });
    let mut said: Vec<String> = pairs
        .map(|(name, value, predicted)| match predicted.allows(value) {
            true => format!("{name}: {value}"),
            false => format!("{name}: {value} (predicted {predicted})"),
        })
        .collect();
    let more = said.len().saturating_sub(NAMED);
    said.truncate(NAMED);
    if more > 0 {
        said.push(format!("and {more} more"));
    }
    said.join("; ")
}
