//! The replay as a table of at most 100 columns.

use super::Report;
use crate::units::{bytes, columns, count, percent};

/// The whole report as text.
pub fn table(report: &Report) -> String {
    let trace = &report.trace;
    let mut text = format!(
        "{} operations, at most {} blocks and {} live at once\n",
        count(trace.operations),
        count(trace.peak_blocks),
        bytes(trace.peak_live_bytes)
    );
    if let Some(partial) = &trace.partial {
        text.push_str(&format!(
            "PARTIAL: {partial}; the figures are for what was read\n"
        ));
    }
    for note in &trace.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    let given = report.given_arena_bytes as f64 / trace.peak_live_bytes.max(1) as f64;
    let given = format!("in {} ({given:.3} x peak)", bytes(report.given_arena_bytes));
    text.push('\n');
    let mut rows = vec![
        [
            "", "smallest", "x peak", "internal", "external", "holes/", "Knuth's", "failed",
            "although",
        ],
        [
            "policy",
            "arena",
            "live",
            "mean",
            "mean",
            "block",
            "p/2",
            "requests",
            "enough free",
        ],
    ]
    .into_iter()
    .map(|row| row.map(String::from).to_vec())
    .collect::<Vec<_>>();
    let ratio = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.3}"));
    for row in &report.policies {
        rows.push(vec![
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
    text.push_str(&columns(&rows));
    text.push_str(&format!(
        "\nSmallest arena: found by search and verified by a run of that size; internal and external are\n\
         measured in it. Failed requests, holes/block: {given}.\n"
    ));
    let moved = report.policies.iter().find(|row| row.moved_bytes > 0);
    if let Some(row) = moved {
        text.push_str(&format!(
            "{}: {} copied to make room, {:.1} times all bytes ever asked for.\n",
            row.policy,
            bytes(row.moved_bytes),
            row.moved_bytes as f64 / trace.total_bytes.max(1) as f64
        ));
    }
    if let Some(runs) = &report.real_memory {
        let checked = runs.iter().map(|run| run.blocks_checked).sum();
        text.push_str(&format!(
            "In real memory: {} blocks written and found as written, over all policies.\n",
            count(checked)
        ));
    }
    text
}
