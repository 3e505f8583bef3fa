//! What a person reads in a terminal: a block a claim, styled with ANSI sequences that the caller's
//! stream strips where they are not wanted.

mod explain;
mod layout;
mod marks;
mod quantities;
pub mod tour;

use present::foreign_text::escape_lines;
use present::{Column, Table as Grid};

pub use explain::{explain, list_entry};
pub use layout::Layout;
use layout::{BOLD, cut, dimmed, fill_lines, shown};
pub use layout::{amount, indent};
use marks::{mark, style};
use quantities::quantities;

use super::machine;
use claim::{Claim, Detail, Machine, Partial, Report, Summary, Table, Topic, Verdict};

const LEGEND: &str = "Each number was predicted. Its control is the same instrument on a set-up \
                      that must come out the other way.";

/// The first lines of a run in detail: the machine, in at most two lines of 80 columns, and how to
/// read what follows.
pub fn header(machine: &Machine, layout: Layout) -> String {
    identity("", machine, layout) + &dimmed(LEGEND, 0, layout.width)
}

/// The machine in words behind `head`, in two lines where there are 80 columns, else in three. What
/// does not fit is left out, and `...` says so.
pub fn identity(head: &str, machine: &Machine, layout: Layout) -> String {
    let most = if layout.width < 80 { 3 } else { 2 };
    let text = format!("{head}{}", machine::sentence(machine));
    let mut lines: Vec<String> = fill_lines(&text, layout.width);
    if lines.len() > most {
        lines.truncate(most);
        let last = lines.pop().unwrap_or_default();
        lines.push(cut(&last, layout.width - 3) + "...");
    }
    lines.join("\n") + "\n"
}

/// The head of a topic.
pub fn topic(topic: &Topic, layout: Layout) -> String {
    let Topic { name, title, .. } = topic;
    headed(name, title, layout)
}

/// An empty line, then `head: text`, the head in bold, as wide as the terminal.
pub fn headed(head: &str, text: &str, layout: Layout) -> String {
    let head = shown(head);
    let lines = indent(&format!("{head}: {text}"), 0, layout.width);
    if !lines.starts_with(&head) {
        // It is wider than the terminal.
        return format!("\n{lines}");
    }
    format!("\n{BOLD}{head}{BOLD:#}{}", &lines[head.len()..])
}

/// A claim's line in a selftest; what does not fit goes into the next ones.
pub fn outcome(id: &str, outcome: &str, layout: Layout) -> String {
    let head = format!("{id:<32} ");
    let options = textwrap::Options::new(layout.width)
        .initial_indent(&head)
        .subsequent_indent("    ");
    textwrap::fill(&shown(outcome), options) + "\n"
}

/// One claim's block.
pub fn claim(claim: &Claim, report: &Report, layout: Layout) -> String {
    let (mark, style) = (mark(&report.verdict), style(&report.verdict));
    let mut out = format!("\n{style}{mark}{style:#} {BOLD}{}{BOLD:#}", report.id);
    if !matches!(report.verdict, Verdict::Holds) {
        out += &format!(
            "  {style}{}{style:#}",
            report.verdict.name().replace('_', " ")
        );
    }
    out.push('\n');
    out += &indent(claim.statement, 2, layout.width);
    match &report.verdict {
        Verdict::NotMeasured { why, enable } | Verdict::ControlFailed { why, enable } => {
            out += &indent(&format!("why: {why}"), 4, layout.width);
            out += &indent(&format!("to measure it: {enable}"), 4, layout.width);
        }
        Verdict::Error(why) => out += &indent(&format!("error: {why}"), 4, layout.width),
        _ => {}
    }
    if !report.observed.is_empty() {
        out += &quantities(claim, report, layout.width);
        let evidence = report
            .evidence
            .map(|e| format!(" [evidence: {e}]"))
            .unwrap_or_default();
        let acts = acts(report);
        out += &dimmed(
            &format!("control: {}{acts}{evidence}", claim.control),
            4,
            layout.width,
        );
    }
    if let Some(surprise) = claim.surprise.filter(|_| report.verdict.holds()) {
        out += &indent(&format!("* {}", surprise.finding()), 4, layout.width);
    }
    if let Verdict::HoldsWith(caveat) = &report.verdict {
        out += &indent(&format!("but: {caveat}"), 4, layout.width);
    }
    for detail in &report.details {
        match detail {
            Detail::Figure(figure) => {
                out.push('\n');
                escape_lines(figure)
                    .lines()
                    .for_each(|line| out += &format!("    {line}\n"));
            }
            Detail::Note(note) => out += &indent(&format!("note: {note}"), 4, layout.width),
            Detail::Table(table) => out += &grid(table, layout.width),
        }
    }
    out
}

/// `1 claim`, `2 claims`.
pub fn count(number: usize, one: &str, many: &str) -> String {
    let word = if number == 1 { one } else { many };
    format!("{number} {word}")
}

/// A text with an empty line before it, as wide as the terminal.
pub fn paragraph(text: &str, layout: Layout) -> String {
    "\n".to_owned() + &indent(text, 0, layout.width)
}

/// The last lines of a run; `partial` where a signal ended it.
pub fn summary(summary: &Summary, partial: Option<&Partial>, layout: Layout) -> String {
    let counts = [
        (summary.holds, ["holds", "hold"]),
        (
            summary.holds_with,
            ["holds with a caveat", "hold with a caveat"],
        ),
        (summary.refuted, ["refuted"; 2]),
        (summary.not_measured, ["not measured"; 2]),
        (summary.error, ["broken"; 2]),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, [one, many])| count(*number, one, many))
        .collect();
    let partial = partial.map(|partial| headed("PARTIAL", &partial.to_string(), layout));
    let claims = count(summary.claims, "claim", "claims");
    partial.unwrap_or_default() + &headed(&claims, &counts.join(", "), layout)
}

/// How many of the experiment's acts are shown.
fn acts(report: &Report) -> String {
    let shown = report
        .acts
        .iter()
        .filter(|act| act.experiment == Some(true));
    match report.acts.len() {
        0 => String::new(),
        acts => format!(" [acts shown: {} of {acts}]", shown.count()),
    }
}

fn grid(table: &Table, width: usize) -> String {
    let columns = table
        .columns
        .iter()
        .map(|heading| Column::left(heading).wrapping());
    let mut grid = Grid::new(columns).indent(4);
    for row in &table.rows {
        grid.row(row.iter().map(String::as_str));
    }
    let title = indent(&table.title, 4, width);
    let title = title.trim_end();
    format!("\n{BOLD}{title}{BOLD:#}\n{}", grid.render(Some(width)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_two_lines_at_most() {
        let long = |word: &str| Some(format!("{word}\x1b[2J ").repeat(40));
        let machine = Machine {
            kernel: "6.18.44".to_owned(),
            kernel_version: long("#1"),
            hypervisor: long("KVM"),
            cpu_model: long("Xeon"),
            ..Machine::default()
        };
        for (width, most) in [(60, 3), (80, 2), (110, 2)] {
            let layout = Layout { width };
            let drawn = identity("", &machine, layout);
            let lines: Vec<&str> = drawn.lines().collect();
            assert_eq!(lines.len(), most, "{drawn}");
            assert!(lines.iter().all(|line| line.len() <= width), "{drawn}");
            assert!(
                drawn.ends_with("...\n") && !drawn.contains('\x1b'),
                "{drawn}"
            );
        }
        let short = Machine {
            kernel: "6.18.44".to_owned(),
            ..Machine::default()
        };
        let layout = Layout { width: 80 };
        assert!(!identity("", &short, layout).contains("..."));
    }
}
