//! What is told about one claim after it ran.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{Claim, Detail, Evidence, NotMeasured, Prediction, Quantity, Reading, Value, Verdict};

/// The outcome of one claim. It travels from the process that measured to the one that prints, and
/// is what every renderer shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The claim's id.
    pub id: String,
    /// Its topic.
    pub topic: String,
    /// What became of it.
    pub verdict: Verdict,
    /// What was predicted of the experiment, by quantity.
    pub predicted: IndexMap<String, serde_json::Value>,
    /// What the experiment read; empty if it was not measured.
    pub observed: IndexMap<String, Value>,
    /// The same for the control.
    pub control: ControlReport,
    /// Where the numbers come from; none if there are none.
    pub evidence: Option<Evidence>,
    /// Wall time of both arms, in milliseconds.
    pub duration_ms: f64,
    /// Tables, figures and notes of the experiment.
    pub details: Vec<Detail>,
}

/// Prediction and reading of the control.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlReport {
    /// What was predicted of the control, by quantity.
    pub predicted: IndexMap<String, serde_json::Value>,
    /// What the control read.
    pub observed: IndexMap<String, Value>,
}

impl Report {
    /// The report of two readings.
    pub(crate) fn judged(claim: &Claim, experiment: Reading, control: Reading) -> Self {
        let mut report = Report::empty(claim);
        report.verdict = Verdict::of(claim.quantities, &experiment, &control);
        report.evidence = Some(experiment.evidence);
        report.observed = named(experiment.values);
        report.control.observed = named(control.values);
        report.details = experiment.details;
        report
    }

    /// The report of a measurement that ended in `error`: not measured if the error says so, broken
    /// otherwise.
    pub fn failed(claim: &Claim, error: &anyhow::Error) -> Self {
        let mut report = Report::empty(claim);
        let not_measured = error
            .chain()
            .find_map(|cause| cause.downcast_ref::<NotMeasured>());
        report.verdict = match not_measured.cloned() {
            Some(NotMeasured { why, enable }) => Verdict::NotMeasured { why, enable },
            None => Verdict::Error(told(error)),
        };
        report
    }

    fn empty(claim: &Claim) -> Self {
        Report {
            id: claim.id.to_owned(),
            topic: claim.topic.to_owned(),
            verdict: Verdict::Error("it did not run".to_owned()),
            predicted: predictions(claim.quantities, |quantity| quantity.experiment),
            observed: IndexMap::new(),
            control: ControlReport {
                predicted: predictions(claim.quantities, |quantity| quantity.control),
                observed: IndexMap::new(),
            },
            evidence: None,
            duration_ms: 0.0,
            details: Vec::new(),
        }
    }
}

/// The messages of an error's chain, outermost first, each told once.
pub fn told(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(ToString::to_string)
        .fold(String::new(), |told, cause| match told {
            told if told.is_empty() => cause,
            told if told.contains(&cause) => told,
            told => format!("{told}: {cause}"),
        })
}

fn named(values: IndexMap<&'static str, Value>) -> IndexMap<String, Value> {
    values
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn predictions(
    quantities: &[Quantity],
    of: fn(&Quantity) -> Prediction,
) -> IndexMap<String, serde_json::Value> {
    quantities
        .iter()
        // A count, a word or bounds: a Prediction is always representable.
        .map(|quantity| (quantity.name.to_owned(), serde_json::json!(of(quantity))))
        .collect()
}
