//! The stable JSON document, described in `docs/json.md`.

use indexmap::IndexMap;
use serde::Serialize;

use claim::{
    Act, ActReport, Claim, ControlReport, Detail, Document, Evidence, InControl, Machine, Partial,
    Prediction, Quantity, Report, SCHEMA, Summary, Topic, Value, Verdict,
};

#[derive(Serialize)]
struct DocumentJson<'a> {
    schema: u32,
    kernel: &'a str,
    machine: &'a Machine,
    claims: Vec<ClaimJson<'a>>,
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    partial: Option<&'a Partial>,
}

#[derive(Serialize)]
struct ListJson<'a> {
    schema: u32,
    claims: Vec<EntryJson<'a>>,
}

#[derive(Serialize)]
struct EntryJson<'a> {
    id: &'a str,
    topic: &'a str,
    statement: &'a str,
    measures: &'a str,
    control: &'a str,
    needs: &'a [&'a str],
    syscalls: Vec<&'a str>,
    man: &'a [&'a str],
    notes: &'a [u32],
    example: Option<&'a str>,
    lesson: Option<&'a str>,
    chapter: Option<&'a str>,
    acts: Vec<ActJson<'a>>,
    quantities: Vec<QuantityJson<'a>>,
}

#[derive(Serialize)]
struct ActJson<'a> {
    does: &'a str,
    by: &'a str,
    call: Option<&'a str>,
    argument: Option<&'a str>,
    times: usize,
    evidence: &'a str,
    in_control: InControlJson<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum InControlJson<'a> {
    Same,
    Not,
    Either,
    #[serde(untagged)]
    Instead {
        call: &'a str,
        argument: &'a str,
    },
}

#[derive(Serialize)]
struct QuantityJson<'a> {
    name: &'a str,
    unit: &'a str,
    experiment: Prediction,
    control: Prediction,
}

#[derive(Serialize)]
struct ClaimJson<'a> {
    id: &'a str,
    topic: &'a str,
    verdict: &'static str,
    predicted: &'a IndexMap<String, serde_json::Value>,
    observed: &'a IndexMap<String, Value>,
    control: &'a ControlReport,
    acts: &'a [ActReport],
    evidence: Option<Evidence>,
    caveat: Option<&'a str>,
    why: Option<&'a str>,
    enable: Option<&'a str>,
    duration_ms: f64,
    details: &'a [Detail],
}

/// Renders `document`, indented, with a line feed at the end.
///
/// # Errors
/// None that a document of ours can cause; the serializer's are passed on.
pub fn render(document: &Document) -> serde_json::Result<String> {
    let json = DocumentJson {
        schema: SCHEMA,
        kernel: &document.machine.kernel,
        machine: &document.machine,
        claims: document.reports.iter().map(claim).collect(),
        summary: Summary::count(&document.reports),
        partial: document.partial.as_ref(),
    };
    serde_json::to_string_pretty(&json).map(|text| text + "\n")
}

/// Renders what is known of `claims` without a run, as [`render`] does.
///
/// # Errors
/// As [`render`].
pub fn list(claims: &[(&Topic, &Claim)]) -> serde_json::Result<String> {
    let json = ListJson {
        schema: SCHEMA,
        claims: claims
            .iter()
            .map(|(topic, claim)| entry(topic, claim))
            .collect(),
    };
    serde_json::to_string_pretty(&json).map(|text| text + "\n")
}

fn entry<'a>(topic: &'a Topic, claim: &'a Claim) -> EntryJson<'a> {
    let quantity = |quantity: &'a Quantity| QuantityJson {
        name: quantity.name,
        unit: quantity.unit,
        experiment: quantity.experiment,
        control: quantity.control,
    };
    EntryJson {
        id: claim.id,
        topic: topic.name,
        statement: claim.statement,
        measures: claim.measures,
        control: claim.control,
        needs: claim.needs,
        syscalls: system_calls(claim),
        man: claim.man,
        notes: claim.notes,
        example: claim.example,
        lesson: claim.lesson,
        chapter: topic.chapter,
        acts: claim.acts.iter().map(act).collect(),
        quantities: claim.quantities.iter().map(quantity).collect(),
    }
}

/// The calls of the claim's acts, each once.
fn system_calls(claim: &Claim) -> Vec<&str> {
    let mut calls = Vec::new();
    for call in claim.acts.iter().filter_map(|act| act.call) {
        if !calls.contains(&call.name) {
            calls.push(call.name);
        }
    }
    calls
}

fn act(act: &Act) -> ActJson<'_> {
    ActJson {
        does: act.does,
        by: act.who,
        call: act.call.map(|call| call.name),
        argument: act.call.map(|call| call.argument),
        times: act.times,
        evidence: act.evidence,
        in_control: match act.control {
            InControl::Same => InControlJson::Same,
            InControl::Not => InControlJson::Not,
            InControl::Either => InControlJson::Either,
            InControl::Instead(call, argument) => InControlJson::Instead { call, argument },
        },
    }
}

fn claim(report: &Report) -> ClaimJson<'_> {
    let (caveat, why, enable) = match &report.verdict {
        Verdict::HoldsWith(caveat) => (Some(caveat.as_str()), None, None),
        Verdict::NotMeasured { why, enable } | Verdict::ControlFailed { why, enable } => {
            (None, Some(why.as_str()), Some(enable.as_str()))
        }
        Verdict::Error(why) => (None, Some(why.as_str()), None),
        Verdict::Holds | Verdict::Refuted => (None, None, None),
    };
    ClaimJson {
        id: &report.id,
        topic: &report.topic,
        verdict: report.verdict.name(),
        predicted: &report.predicted,
        observed: &report.observed,
        control: &report.control,
        acts: &report.acts,
        evidence: report.evidence,
        caveat,
        why,
        enable,
        duration_ms: (report.duration_ms * 1e3).round() / 1e3,
        details: &report.details,
    }
}
