//! The document of `witness run --json`, as far as a trial looks at it.

use std::fmt;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What was said about the claims, by docs/json.md.
#[derive(Debug, Deserialize)]
pub struct Document {
    /// One for each claim that was asked for.
    pub claims: Vec<Claim>,
}

/// What was said about one claim.
#[derive(Debug, Deserialize)]
pub struct Claim {
    /// The claim's name.
    pub id: String,
    /// What it came to.
    pub verdict: Verdict,
    /// What was refused or what broke.
    pub why: Option<String>,
    /// What would let it be measured.
    pub enable: Option<String>,
    /// Wall time of experiment and control, in milliseconds.
    pub duration_ms: f64,
}

/// How the reason begins where a control did not come out (crates/claim/src/verdict.rs).
const CONTROL_FAILED: &str = "the control failed: ";

/// What a claim can come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Experiment and control came out as predicted.
    Holds,
    /// The same, with a reservation.
    HoldsWith,
    /// The surroundings did not allow it.
    NotMeasured,
    /// The experiment came out otherwise.
    Refuted,
    /// The set-up broke.
    Error,
}

impl Verdict {
    /// All of them, in the order in which tables show them.
    pub const ALL: [Verdict; 5] = [
        Verdict::Holds,
        Verdict::HoldsWith,
        Verdict::NotMeasured,
        Verdict::Refuted,
        Verdict::Error,
    ];

    /// Its name in the document.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::HoldsWith => "holds_with",
            Verdict::NotMeasured => "not_measured",
            Verdict::Refuted => "refuted",
            Verdict::Error => "error",
        }
    }

    /// The verdict with this name.
    pub fn from_name(name: &str) -> Option<Verdict> {
        Verdict::ALL
            .into_iter()
            .find(|verdict| verdict.name() == name)
    }

    /// Whether the claim holds, with or without a reservation.
    pub fn holds(self) -> bool {
        matches!(self, Verdict::Holds | Verdict::HoldsWith)
    }

    /// Whether the surroundings may never lead to it: they say nothing against the kernel, and a
    /// set-up that they break should have said what it lacks.
    pub fn is_fault(self) -> bool {
        matches!(self, Verdict::Refuted | Verdict::Error)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Claim {
    /// Whether it is not measured because a control did not come out, which counts as a fault of
    /// the claim's own.
    pub fn has_failed_control(&self) -> bool {
        let why = self.why.as_deref().unwrap_or_default();
        self.verdict == Verdict::NotMeasured && why.starts_with(CONTROL_FAILED)
    }

    /// Whether it is not measured because chance denied an act its effect: another run may show it.
    pub fn is_left_to_chance(&self) -> bool {
        let again = |enable: &str| enable.starts_with("try again");
        self.verdict == Verdict::NotMeasured && self.enable.as_deref().is_some_and(again)
    }

    /// Whether it is not measured only because others used the processors.
    pub fn is_noise(&self) -> bool {
        let noise = |why: &str| why.starts_with("other programs used ");
        self.verdict == Verdict::NotMeasured && self.why.as_deref().is_some_and(noise)
    }
}

impl Document {
    /// Reads the document.
    ///
    /// # Errors
    /// It is no such document.
    pub fn parse(text: &str) -> Result<Document> {
        serde_json::from_str(text).context("the document of `witness run --json`")
    }

    /// The claim of a run of one.
    ///
    /// # Errors
    /// There is none.
    pub fn into_claim(mut self) -> Result<Claim> {
        self.claims.pop().context("the document has no claim")
    }

    /// How many claims came to `verdict`.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.claims
            .iter()
            .filter(|claim| claim.verdict == verdict)
            .count()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A document with one claim for each pair of a name and a verdict.
    pub(crate) fn document(claims: &[(&str, Verdict)]) -> Document {
        let claims: Vec<String> = claims
            .iter()
            .map(|(id, verdict)| {
                format!(
                    r#"{{"id": "{id}", "verdict": "{verdict}", "why": null, "duration_ms": 2.5,
                        "control": {{"predicted": {{"n": 1}}, "observed": {{}}}}}}"#
                )
            })
            .collect();
        Document::parse(&format!(r#"{{"claims": [{}]}}"#, claims.join(","))).unwrap()
    }

    #[test]
    fn every_verdict_is_read_by_its_name() {
        let named = Verdict::ALL.map(|verdict| (verdict.name(), verdict));
        let document = document(&named);
        for (claim, verdict) in document.claims.iter().zip(Verdict::ALL) {
            assert_eq!(claim.verdict, verdict);
            assert_eq!(Verdict::from_name(&claim.id), Some(verdict));
            assert_eq!(document.count(verdict), 1);
        }
        assert_eq!(Verdict::from_name("maybe"), None);
    }

    #[test]
    fn what_is_no_document_is_an_error() {
        for text in ["", "{}", r#"{"claims": [{"id": "layers"}]}"#, "panicked"] {
            assert!(Document::parse(text).is_err(), "{text}");
        }
    }
}
