//! A run that was saved by `run --json`, read again with all that it holds.

use anyhow::{Result, ensure};
use claim::{ActReport, Claim, ControlReport, Detail, Document, Evidence, Register, Report};
use claim::{Value, Verdict};
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::json;

use crate::diff::{self, Verdict as Name, explain};

/// A saved run, as far as this program has its claims.
#[derive(Debug)]
pub(crate) struct Saved {
    /// What it found.
    pub document: Document,
    /// Claims that this program lacks, or that predict something else in it.
    pub left_out: Vec<String>,
}

#[derive(Deserialize)]
struct SavedRun {
    claims: Vec<SavedClaim>,
}

#[derive(Deserialize)]
struct SavedClaim {
    id: String,
    verdict: Name,
    predicted: IndexMap<String, serde_json::Value>,
    observed: IndexMap<String, Value>,
    control: ControlReport,
    acts: Vec<ActReport>,
    evidence: Option<Evidence>,
    caveat: Option<String>,
    why: Option<String>,
    enable: Option<String>,
    duration_ms: f64,
    details: Vec<Detail>,
}

impl Saved {
    /// Reads the bytes of a document of `run --json`.
    ///
    /// # Errors
    /// They are none, or hold no claim that this program has.
    pub(crate) fn parse(bytes: &[u8], register: &Register) -> Result<Saved> {
        let diff::Document {
            machine, partial, ..
        } = diff::Document::parse(bytes)?;
        let run: SavedRun = serde_json::from_slice(bytes).map_err(explain)?;
        let mut saved = Saved {
            document: Document {
                machine,
                reports: Vec::new(),
                partial,
            },
            left_out: Vec::new(),
        };
        for claim in run.claims {
            match register.get(&claim.id) {
                Some((topic, known)) if claim.is_of(known) => {
                    saved.document.reports.push(claim.report(topic.name));
                }
                _ => saved.left_out.push(claim.id),
            }
        }
        ensure!(
            !saved.document.reports.is_empty(),
            "it has no claim that this program has"
        );
        Ok(saved)
    }
}

impl SavedClaim {
    /// Whether it was measured as `claim` is: the same acts, the same predictions for both arms.
    fn is_of(&self, claim: &Claim) -> bool {
        let acts = self.acts.iter().map(|act| act.does.as_str());
        let quantities = claim.quantities.iter();
        let same = |predicted: &IndexMap<String, serde_json::Value>, is_experiment: bool| {
            predicted.len() == claim.quantities.len()
                && quantities.clone().all(|quantity| {
                    let own = match is_experiment {
                        true => quantity.experiment,
                        false => quantity.control,
                    };
                    predicted.get(quantity.name) == Some(&json!(own))
                })
        };
        acts.eq(claim.acts.iter().map(|act| act.does))
            && same(&self.predicted, true)
            && same(&self.control.predicted, false)
    }

    /// The document tells a control that failed from other reasons in its summary only: both are
    /// not measured.
    fn report(self, topic: &str) -> Report {
        let why = self.why.unwrap_or_default();
        Report {
            id: self.id,
            topic: topic.to_owned(),
            verdict: match self.verdict {
                Name::Holds => Verdict::Holds,
                Name::HoldsWith => Verdict::HoldsWith(self.caveat.unwrap_or_default()),
                Name::Refuted => Verdict::Refuted,
                Name::NotMeasured => Verdict::NotMeasured {
                    why,
                    enable: self.enable.unwrap_or_default(),
                },
                Name::Error => Verdict::Error(why),
            },
            predicted: self.predicted,
            observed: self.observed,
            control: self.control,
            acts: self.acts,
            evidence: self.evidence,
            duration_ms: self.duration_ms,
            details: self.details,
        }
    }
}
