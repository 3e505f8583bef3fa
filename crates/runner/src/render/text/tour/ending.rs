//! The end of the tour: what surprises most, and where to go on.

use textwrap::core::display_width;

use super::super::layout::{BOLD, DIM, Layout, indent};
use super::columns::{GAP, surprises};
use crate::called::join_words;
use claim::{Register, Report, Verdict};

/// How many surprising findings are named.
const FINDINGS: usize = 3;

/// How many commands are named to go on with.
const COMMANDS: usize = 3;

/// Columns that the name of the program may take where its words stand in the next line.
pub fn room(layout: Layout) -> usize {
    layout.width.saturating_sub("   \\".len())
}

/// The end of the tour: what surprises most of what these reports say, and commands to go on with;
/// `program` is how the program was called, and `words` are the subcommands that it has.
pub fn ending(
    register: &Register,
    reports: &[Report],
    program: &str,
    words: &[&str],
    layout: Layout,
) -> String {
    let findings = findings(register, reports);
    let mut out = String::new();
    if !findings.is_empty() {
        out += &format!("\n{BOLD}Most surprising{BOLD:#}\n");
    }
    for (id, finding) in &findings {
        out += &indent(&format!("{id}: {finding}"), 2, layout.width);
    }
    let commands = commands(reports, findings.first().map(|(id, _)| *id), words);
    let lines = commands.into_iter().take(COMMANDS);
    let room = layout.width.saturating_sub(2);
    let lines = lines.map(|(words, why)| (join_words(program, &words, room, "    "), why));
    let lines: Vec<(String, &str)> = lines.collect();
    let width = lines
        .iter()
        .map(|(line, _)| display_width(line))
        .max()
        .unwrap_or(0);
    let reasons = lines.iter().map(|(_, why)| why.len()).max().unwrap_or(0);
    let has_room = 2 + width + GAP + reasons <= layout.width;
    let gap = if findings.is_empty() { "\n" } else { "" };
    out += &format!("{gap}{BOLD}Next{BOLD:#}\n");
    for (line, why) in lines {
        let pad = " ".repeat(width - display_width(&line) + GAP);
        out += &match has_room {
            true => format!("  {line}{pad}{DIM}{why}{DIM:#}\n"),
            false => format!("  {line}\n"),
        };
    }
    out
}

/// The most surprising findings: first what is refuted, then what most people do not believe.
pub(super) fn findings<'a>(register: &'a Register, reports: &[Report]) -> Vec<(&'a str, &'a str)> {
    let measured = reports.iter().filter_map(|report| {
        let (_, claim) = register.get(&report.id)?;
        Some((claim, report))
    });
    let refuted = measured
        .clone()
        .filter(|(_, report)| report.verdict == Verdict::Refuted);
    let refuted = refuted.map(|(claim, _)| (claim.id, "refuted by this kernel"));
    let surprising = |is_great: bool| {
        let found = measured
            .clone()
            .filter(|(claim, report)| surprises(claim, report));
        found.filter_map(move |(claim, _)| {
            let surprise = claim.surprise.filter(|it| it.is_great() == is_great)?;
            Some((claim.id, surprise.finding()))
        })
    };
    refuted
        .chain(surprising(true))
        .chain(surprising(false))
        .take(FINDINGS)
        .collect()
}

/// Commands to go on with, the most useful first: the words, and what they are for.
pub(super) fn commands(
    reports: &[Report],
    surprising: Option<&str>,
    words: &[&str],
) -> Vec<(String, &'static str)> {
    let first = reports.first().map(|report| report.id.as_str());
    let id = surprising.or(first).unwrap_or_default();
    let run = words
        .iter()
        .find(|word| ["run", "claims"].contains(word))
        .copied();
    let mut commands = Vec::new();
    let unmeasured = reports.iter().find(|report| report.observed.is_empty());
    if let (Some(run), Some(report)) = (run, unmeasured) {
        commands.push((
            format!("{run} {}", report.id),
            "what would have it measured",
        ));
    }
    if words.contains(&"ask") {
        commands.push(("ask".to_owned(), "guess first, then see"));
    }
    if words.contains(&"strace") {
        commands.push((format!("strace {id}"), "its system calls, explained"));
    }
    if let Some(run) = run {
        commands.push((format!("{run} {id}"), "all its numbers"));
    }
    commands.push((format!("explain {id}"), "how it is measured"));
    commands
}
