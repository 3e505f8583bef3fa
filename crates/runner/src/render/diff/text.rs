//! Documents side by side for a terminal: two as a list of what differs, more as a table.

use present::foreign_text::escape_controls;
use present::{Column, Table};

use super::{Diff, legend, movement};
use crate::diff::{Cell, Comparison, Matrix, NamedDocument};
use crate::render::text::{Layout, count, headed, identity, indent};

/// Renders `diff`.
pub fn render(diff: &Diff<'_>, layout: Layout) -> String {
    let heads = diff.documents.iter().map(|named| head(named, layout));
    let body = match diff.comparisons.as_slice() {
        [_] => diff
            .named_comparisons()
            .map(|(from, to, comparison)| list(from, to, comparison, layout))
            .collect(),
        _ => table(diff, layout),
    };
    heads.collect::<String>() + &body
}

fn head(named: &NamedDocument, layout: Layout) -> String {
    let NamedDocument { name, document } = named;
    let machine = identity(&format!("{name}: "), &document.machine, layout);
    let partial = document.partial.as_ref();
    let partial = partial.map(|partial| indent(&format!("PARTIAL: {partial}"), 2, layout.width));
    machine + &partial.unwrap_or_default()
}

/// All that differs between two documents.
fn list(from: &str, to: &str, comparison: &Comparison<'_>, layout: Layout) -> String {
    let Comparison {
        changed,
        moved,
        measured_only_in_from,
        measured_only_in_to,
        shared,
    } = comparison;
    let mut out = String::new();
    if !changed.is_empty() {
        out += &headed("Verdicts that changed", &changed.len().to_string(), layout);
    }
    for change in changed {
        out += &indent(change.id, 2, layout.width);
        for (name, outcome) in [(from, &change.from), (to, &change.to)] {
            let line = format!("{name}: {}", outcome.sentence());
            out += &indent(&line, 4, layout.width);
        }
    }
    if !moved.is_empty() {
        out += &headed("Quantities that moved", &moved.len().to_string(), layout);
    }
    let mut shown = "";
    for moved in moved {
        if shown != moved.id {
            shown = moved.id;
            out += &indent(moved.id, 2, layout.width);
        }
        let line = format!("{}: {}", moved.quantity, movement(moved));
        out += &indent(&line, 4, layout.width);
    }
    for (name, ids) in [(from, measured_only_in_from), (to, measured_only_in_to)] {
        if !ids.is_empty() {
            out += &headed(&format!("Measured in {name} only"), &ids.join(", "), layout);
        }
    }
    let same = shared - changed.len();
    let verdict = count(same, "has", "have");
    let rest = count(changed.len(), "another", "another");
    out + &headed(
        &format!("{} in both", count(*shared, "claim", "claims")),
        &format!("{verdict} the same verdict, {rest}"),
        layout,
    )
}

/// A row a claim and a column a document, then the notes.
fn table(diff: &Diff<'_>, layout: Layout) -> String {
    let documents: Vec<_> = diff.documents.iter().map(|it| &it.document).collect();
    let matrix = Matrix::new(&documents);
    let names = diff.documents.iter().map(|it| escape_controls(&it.name));
    let names = names.map(|name| Column::left(&name));
    let mut table = Table::new([Column::left("claim")].into_iter().chain(names));
    for row in &matrix.rows {
        let cells = row
            .cells
            .iter()
            .map(|it| it.as_ref().map_or(String::new(), cell));
        table.row([row.id.to_owned()].into_iter().chain(cells));
    }
    let mut out = format!("\n{}\n", table.render(Some(layout.width)));
    out += &indent(&legend(), 0, layout.width);
    for (at, note) in matrix.notes.iter().enumerate() {
        out += &indent(&format!("[{}] {note}", at + 1), 2, layout.width);
    }
    for (from, to, comparison) in diff.named_comparisons() {
        let Comparison { changed, moved, .. } = comparison;
        let changed = count(changed.len(), "verdict", "verdicts");
        let moved = count(moved.len(), "quantity", "quantities");
        let line = format!("{changed} changed, {moved} moved");
        out += &headed(&format!("{from} and {to}"), &line, layout);
    }
    out
}

fn cell(cell: &Cell) -> String {
    let mark = cell.verdict.mark();
    match cell.note {
        Some(note) => format!("{mark} [{note}]"),
        None => mark.to_owned(),
    }
}
