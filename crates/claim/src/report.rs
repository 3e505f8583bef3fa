//! The result of one claim: its readings and its verdict.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{
    Claim, Detail, Evidence, Order, Prediction, Quantity, Reading, Readings, Topic, Value, Verdict,
};

/// The outcome of one claim, which every renderer shows. It is made in the process that judges,
/// never in the one that measured.
#[derive(Clone, Debug, PartialEq)]
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
    /// Of each act of the claim, in its order, whether its evidence was there.
    pub acts: Vec<ActReport>,
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
    /// Tables, figures and notes of the control.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Detail>,
}

/// What became of an act in both arms; none where it was not measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActReport {
    /// What is done, as the claim calls it.
    pub does: String,
    /// Whether its evidence was there in the experiment.
    pub experiment: Option<bool>,
    /// Whether its evidence was there in the control.
    pub control: Option<bool>,
}

impl Report {
    /// Judges what both arms of `claim` read, which were measured in this `order`.
    pub fn judge(topic: &Topic, claim: &Claim, order: Order, readings: Readings) -> Self {
        let verdict = Verdict::judge(claim, order, &readings);
        let acts = acts(claim, Some([&readings.experiment, &readings.control]));
        let Readings {
            experiment,
            control,
            duration,
        } = readings;
        let mut report = Report::without_readings(topic, claim, verdict);
        report.acts = acts;
        report.evidence = Some(experiment.evidence);
        report.observed = experiment.values;
        report.control.observed = control.values;
        report.control.details = control.details;
        report.details = experiment.details;
        report.duration_ms = duration.as_secs_f64() * 1e3;
        report
    }

    /// The report of a claim that read nothing, for the reason that `verdict` gives.
    pub fn without_readings(topic: &Topic, claim: &Claim, verdict: Verdict) -> Self {
        Report {
            id: claim.id.to_owned(),
            topic: topic.name.to_owned(),
            verdict,
            predicted: predictions(claim.quantities, |quantity| quantity.experiment),
            observed: IndexMap::new(),
            control: ControlReport {
                predicted: predictions(claim.quantities, |quantity| quantity.control),
                observed: IndexMap::new(),
                details: Vec::new(),
            },
            acts: acts(claim, None),
            evidence: None,
            duration_ms: 0.0,
            details: Vec::new(),
        }
    }
}

/// What the readings of experiment and control say of each act.
fn acts(claim: &Claim, readings: Option<[&Reading; 2]>) -> Vec<ActReport> {
    let report = |does: &str| {
        let shown = |place: usize| readings.and_then(|both| both[place].acts.get(does).copied());
        ActReport {
            does: does.to_owned(),
            experiment: shown(0),
            control: shown(1),
        }
    };
    claim.acts.iter().map(|act| report(act.does)).collect()
}

/// The messages of an error's chain, outermost first, each once.
pub fn error_chain(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(ToString::to_string)
        .fold(String::new(), |chain, cause| match chain {
            chain if chain.is_empty() => cause,
            chain if chain.contains(&cause) => chain,
            chain => format!("{chain}: {cause}"),
        })
}

fn predictions(
    quantities: &[Quantity],
    prediction: fn(&Quantity) -> Prediction,
) -> IndexMap<String, serde_json::Value> {
    quantities
        .iter()
        // A count, a word or bounds: a Prediction is always representable.
        .map(|quantity| {
            let predicted = serde_json::json!(prediction(quantity));
            (quantity.name.to_owned(), predicted)
        })
        .collect()
}
