//! The document of `witness diff --json`, described in `docs/json.md`.

use claim::{Machine, Partial, SCHEMA, Value};
use serde::Serialize;

use super::Diff;
use crate::diff::{Comparison, Matrix, NamedDocument, Outcome, Row};

#[derive(Serialize)]
struct DiffJson<'a> {
    schema: u32,
    tolerance: f64,
    documents: Vec<DocumentJson<'a>>,
    comparisons: Vec<ComparisonJson<'a>>,
    claims: Vec<ClaimJson<'a>>,
}

#[derive(Serialize)]
struct DocumentJson<'a> {
    name: &'a str,
    kernel: &'a str,
    machine: &'a Machine,
    partial: Option<&'a Partial>,
}

#[derive(Serialize)]
struct ComparisonJson<'a> {
    from: &'a str,
    to: &'a str,
    shared: usize,
    changed: Vec<ChangeJson<'a>>,
    moved: Vec<MoveJson<'a>>,
    measured_only_in_from: &'a [&'a str],
    measured_only_in_to: &'a [&'a str],
}

#[derive(Serialize)]
struct ChangeJson<'a> {
    id: &'a str,
    topic: &'a str,
    from: OutcomeJson<'a>,
    to: OutcomeJson<'a>,
}

#[derive(Serialize)]
struct OutcomeJson<'a> {
    verdict: &'static str,
    reason: &'a str,
}

#[derive(Serialize)]
struct MoveJson<'a> {
    id: &'a str,
    quantity: &'a str,
    predicted: String,
    from: Option<&'a Value>,
    to: Option<&'a Value>,
}

#[derive(Serialize)]
struct ClaimJson<'a> {
    id: &'a str,
    topic: &'a str,
    verdicts: Vec<Option<&'static str>>,
}

/// Renders `diff`, indented, with a line feed at the end.
///
/// # Errors
/// None that a diff of ours can cause; the serializer's are passed on.
pub fn render(diff: &Diff<'_>) -> serde_json::Result<String> {
    let documents: Vec<_> = diff.documents.iter().map(|it| &it.document).collect();
    let matrix = Matrix::new(&documents);
    let json = DiffJson {
        schema: SCHEMA,
        tolerance: diff.tolerance,
        documents: diff.documents.iter().map(document).collect(),
        comparisons: diff.named_comparisons().map(comparison).collect(),
        claims: matrix.rows.iter().map(claim).collect(),
    };
    serde_json::to_string_pretty(&json).map(|text| text + "\n")
}

fn document(named: &NamedDocument) -> DocumentJson<'_> {
    DocumentJson {
        name: &named.name,
        kernel: &named.document.machine.kernel,
        machine: &named.document.machine,
        partial: named.document.partial.as_ref(),
    }
}

fn comparison<'a>((from, to, found): (&'a str, &'a str, &'a Comparison<'_>)) -> ComparisonJson<'a> {
    let changed = found.changed.iter().map(|change| ChangeJson {
        id: change.id,
        topic: change.topic,
        from: outcome(&change.from),
        to: outcome(&change.to),
    });
    let moved = found.moved.iter().map(|moved| MoveJson {
        id: moved.id,
        quantity: moved.quantity,
        predicted: moved.predicted.to_string(),
        from: moved.from,
        to: moved.to,
    });
    ComparisonJson {
        from,
        to,
        shared: found.shared,
        changed: changed.collect(),
        moved: moved.collect(),
        measured_only_in_from: &found.measured_only_in_from,
        measured_only_in_to: &found.measured_only_in_to,
    }
}

fn outcome(outcome: &Outcome) -> OutcomeJson<'_> {
    OutcomeJson {
        verdict: outcome.verdict.name(),
        reason: &outcome.reason,
    }
}

fn claim<'a>(row: &Row<'a>) -> ClaimJson<'a> {
    let verdict = |cell: &Option<crate::diff::Cell>| cell.as_ref().map(|it| it.verdict.name());
    ClaimJson {
        id: row.id,
        topic: row.topic,
        verdicts: row.cells.iter().map(verdict).collect(),
    }
}
