//! The replay as a table for a terminal; 85 columns show it side by side.

use present::foreign_text::escape_controls;
use present::units::{bytes, count, percent};
use present::{Column, Table, fill_sentences, fold_lines};

use super::ReplayReport;
use super::report::SearchOutcome;

/// The whole report as text, in `width` columns of a terminal.
pub fn table(report: &ReplayReport, width: Option<usize>) -> String {
    let trace = &report.trace;
    let mut text = format!(
        "{} operations, at most {} blocks and {} live at once\n",
        count(trace.operations),
        count(trace.peak_blocks),
        bytes(trace.peak_live_bytes)
    );
    if let Some(partial) = &trace.partial {
        text.push_str(&format!("PARTIAL: {}\n", escape_controls(partial)));
    }
    for note in &trace.notes {
        text.push_str(&format!("note: {}\n", escape_controls(note)));
    }
    let given = report.given_arena_bytes as f64 / trace.peak_live_bytes.max(1) as f64;
    let given = format!("in {} ({given:.3} x peak)", bytes(report.given_arena_bytes));
    text.push('\n');
    text.push_str(&policies(report).render(width));
    let figures = match report.search {
        SearchOutcome::Yes => format!(
            "\nSmallest arena without a failed request: found by search, verified by a run of \
             that size; internal and external fragmentation are means in it. Failed requests \
             (of these with enough free in total) and holes/block: {given}.\n"
        ),
        SearchOutcome::No => format!("\nNo search for the smallest arena; all figures: {given}.\n"),
        SearchOutcome::Interrupted => format!(
            "\nThe search for the smallest arena was interrupted: it shows the smallest tried \
             until then in which no request failed. All other figures: {given}.\n"
        ),
    };
    text.push_str(&fill_sentences(&figures, width));
    let moved = report.policies.iter().find(|row| row.moved_bytes > 0);
    if let Some(row) = moved {
        text.push_str(&format!(
            "{}: {} copied to make room, {} of all bytes ever asked for.\n",
            row.policy,
            bytes(row.moved_bytes),
            percent(row.moved_bytes as f64 / trace.total_bytes.max(1) as f64)
        ));
    }
    if let Some(runs) = &report.real_memory {
        let checked = runs.iter().map(|run| run.blocks_checked).sum();
        text.push_str(&format!(
            "In real memory: {} blocks written and found as written, over all policies.\n",
            count(checked)
        ));
    }
    fold_lines(&text, width)
}

fn policies(report: &ReplayReport) -> Table {
    let mut table = Table::new([
        Column::left("\npolicy"),
        Column::right("smallest\narena"),
        Column::right("x peak\nlive"),
        Column::right("inter-\nnal"),
        Column::right("exter-\nnal"),
        Column::right("holes/\nblock"),
        Column::right("Knuth\np/2"),
        Column::right("failed"),
        Column::right("enough\nfree"),
    ]);
    let ratio = |value: Option<f64>| match value {
        None => "-".to_owned(),
        Some(value) if value < 100.0 => format!("{value:.3}"),
        Some(value) => count(value.round() as u64),
    };
    for row in &report.policies {
        table.row([
            row.policy.clone(),
            row.smallest_arena_bytes.map_or("-".into(), bytes),
            ratio(row.smallest_arena_of_peak),
            percent(row.internal_mean),
            percent(row.external_mean),
            ratio(row.holes_per_block),
            ratio(row.half_p),
            count(row.given_arena.failures),
            count(row.given_arena.failures_with_enough_free),
        ]);
    }
    table
}
