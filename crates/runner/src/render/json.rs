//! The stable JSON document, described in `docs/json.md`.

use indexmap::IndexMap;
use serde::Serialize;

use claim::{
    ControlReport, Detail, Document, Evidence, Machine, Report, SCHEMA, Summary, Value, Verdict,
};

#[derive(Serialize)]
struct DocumentJson<'a> {
    schema: u32,
    kernel: &'a str,
    machine: &'a Machine,
    claims: Vec<ClaimJson<'a>>,
    summary: Summary,
}

#[derive(Serialize)]
struct ClaimJson<'a> {
    id: &'a str,
    topic: &'a str,
    verdict: &'static str,
    predicted: &'a IndexMap<String, serde_json::Value>,
    observed: &'a IndexMap<String, Value>,
    control: &'a ControlReport,
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
    };
    serde_json::to_string_pretty(&json).map(|text| text + "\n")
}

fn claim(report: &Report) -> ClaimJson<'_> {
    let (caveat, why, enable) = match &report.verdict {
        Verdict::HoldsWith(caveat) => (Some(caveat.as_str()), None, None),
        Verdict::NotMeasured { why, enable } => (None, Some(why.as_str()), Some(enable.as_str())),
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
        evidence: report.evidence,
        caveat,
        why,
        enable,
        duration_ms: (report.duration_ms * 1e3).round() / 1e3,
        details: &report.details,
    }
}
