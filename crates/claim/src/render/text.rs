//! What a person reads in a terminal: a block a claim, styled with ANSI sequences that the caller's
//! stream strips where they are not wanted.

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table as Grid, presets};
use textwrap::core::display_width;

use crate::{
    Claim, Detail, Machine, Prediction, Quantity, Report, Summary, Table, Topic, Value, Verdict,
};

/// How much to show, and how wide.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Columns of the terminal.
    pub width: usize,
    /// Every quantity, table and note, instead of the first few lines.
    pub details: bool,
}

/// Quantities shown of a claim that came out as predicted, unless details are asked for.
const FEW: usize = 3;
const LEGEND: &str = "Each number was predicted. Its control is the same instrument on a set-up that \
                      must come out the other way.";
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The first lines of a run: the machine, and how to read what follows.
pub fn header(machine: &Machine, layout: Layout) -> String {
    let plural = if machine.cpus == 1 { "CPU" } else { "CPUs" };
    let Machine {
        kernel,
        architecture,
        cpus,
        uid,
        ..
    } = machine;
    format!("Linux {kernel} on {architecture}, {cpus} {plural}, as uid {uid}\n")
        + &dimmed(LEGEND, 0, layout.width)
}

/// The head of a topic.
pub fn topic(topic: &Topic) -> String {
    format!("\n{BOLD}{}{BOLD:#}: {}\n", topic.name, topic.title)
}

/// One claim's block.
pub fn claim(claim: &Claim, report: &Report, layout: Layout) -> String {
    let (mark, style) = mark(&report.verdict);
    let mut out = format!("\n{style}{mark}{style:#} {BOLD}{}{BOLD:#}", report.id);
    if !matches!(report.verdict, Verdict::Holds) {
        out += &format!(
            "  {style}{}{style:#}",
            report.verdict.name().replace('_', " ")
        );
    }
    out.push('\n');
    out += &indented(claim.statement, 2, layout.width);
    match &report.verdict {
        Verdict::NotMeasured { why, enable } => {
            out += &indented(&format!("why: {why}"), 4, layout.width);
            out += &indented(&format!("to measure it: {enable}"), 4, layout.width);
        }
        Verdict::Error(why) => out += &indented(&format!("error: {why}"), 4, layout.width),
        _ => {}
    }
    if !report.observed.is_empty() {
        out += &quantities(claim, report, layout);
        let evidence = report
            .evidence
            .map(|e| format!(" [evidence: {e}]"))
            .unwrap_or_default();
        out += &dimmed(
            &format!("control: {}{evidence}", claim.control),
            4,
            layout.width,
        );
    }
    if let Verdict::HoldsWith(caveat) = &report.verdict {
        out += &indented(&format!("but: {caveat}"), 4, layout.width);
    }
    for detail in &report.details {
        match detail {
            Detail::Figure(figure) => {
                out.push('\n');
                figure
                    .lines()
                    .for_each(|line| out += &format!("    {line}\n"));
            }
            Detail::Note(note) if layout.details => {
                out += &indented(&format!("note: {note}"), 4, layout.width);
            }
            Detail::Table(table) if layout.details => out += &grid(table, layout.width),
            Detail::Note(_) | Detail::Table(_) => {}
        }
    }
    out
}

/// The last lines of a run.
pub fn summary(summary: &Summary) -> String {
    let counts = [
        (summary.holds, "hold"),
        (summary.holds_with, "hold with a caveat"),
        (summary.refuted, "refuted"),
        (summary.not_measured, "not measured"),
        (summary.error, "broken"),
    ];
    let told: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let plural = if summary.claims == 1 {
        "claim"
    } else {
        "claims"
    };
    format!(
        "\n{BOLD}{} {plural}{BOLD:#}: {}\n",
        summary.claims,
        told.join(", ")
    )
}

/// A claim's line in `list`: its id and its statement.
pub fn listed(claim: &Claim, layout: Layout) -> String {
    let head = format!("  {BOLD}{}{BOLD:#}\n", claim.id);
    head + &indented(claim.statement, 6, layout.width)
}

/// What `explain` prints.
pub fn explain(claim: &Claim, layout: Layout) -> String {
    let mut out = format!("{BOLD}{}{BOLD:#} ({})\n\n", claim.id, claim.topic);
    out += &indented(claim.statement, 2, layout.width);
    out.push('\n');
    let mut field = |name: &str, text: String| {
        if !text.is_empty() {
            let head = format!("  {name:<10} ");
            let options = textwrap::Options::new(layout.width)
                .initial_indent(&head)
                .subsequent_indent("             ");
            out.push_str(&textwrap::fill(&text, options));
            out.push('\n');
        }
    };
    field("measured", claim.measures.to_owned());
    field("control", claim.control.to_owned());
    for quantity in claim.quantities {
        let unit = spaced(quantity.unit);
        field(
            "predicted",
            format!(
                "{}: {}{unit}; control: {}{unit}",
                quantity.name, quantity.experiment, quantity.control
            ),
        );
    }
    field("needs", claim.needs.join("; "));
    field("syscalls", claim.syscalls.join(", "));
    field("read on", claim.man.join(", "));
    let lines: Vec<String> = claim.notes.iter().map(u32::to_string).collect();
    field(
        "notes",
        if lines.is_empty() {
            String::new()
        } else {
            format!("line {}", lines.join(", "))
        },
    );
    out
}

fn mark(verdict: &Verdict) -> (char, Style) {
    let (mark, colour) = match verdict {
        Verdict::Holds => ('✔', AnsiColor::Green),
        Verdict::HoldsWith(_) => ('✔', AnsiColor::Yellow),
        Verdict::Refuted => ('✘', AnsiColor::Red),
        Verdict::NotMeasured { .. } => ('-', AnsiColor::Cyan),
        Verdict::Error(_) => ('!', AnsiColor::Magenta),
    };
    (mark, colour.on_default().bold())
}

/// Lines of `name   observed | control observed`; what was not as predicted is always shown, with
/// the prediction. Where a line is too long for the terminal, the values stand below the name.
fn quantities(claim: &Claim, report: &Report, layout: Layout) -> String {
    let lines: Vec<Line> = claim
        .quantities
        .iter()
        .filter_map(|q| Line::of(q, report))
        .collect();
    let shown = if layout.details {
        lines.len()
    } else {
        FEW.max(lines.len().min(FEW + 1))
    };
    let (kept, rest): (Vec<_>, Vec<_>) = lines
        .into_iter()
        .enumerate()
        .partition(|(i, line)| *i < shown || line.amiss);
    let widest = |of: fn(&Line) -> &str| {
        kept.iter()
            .map(|(_, line)| display_width(of(line)))
            .max()
            .unwrap_or(0)
    };
    let (names, values) = (widest(|line| line.name), widest(|line| &line.observed));
    let one_line = 4 + names + 2 + values + 10 + widest(|line| &line.control) <= layout.width;
    let mut out = String::new();
    for (_, line) in &kept {
        let (name, value) = if one_line {
            (
                format!("    {}  ", pad(line.name, names)),
                pad(&line.observed, values),
            )
        } else {
            (
                indented(line.name, 4, layout.width) + "      ",
                line.observed.clone(),
            )
        };
        out += &format!(
            "{name}{BOLD}{value}{BOLD:#}  {DIM}control{DIM:#} {}\n",
            line.control
        );
    }
    if !rest.is_empty() {
        let count = rest.len();
        out += &format!(
            "    {DIM}and {count} more: run {} alone to see them{DIM:#}\n",
            report.id
        );
    }
    out
}

/// One quantity as it is shown.
struct Line {
    name: &'static str,
    observed: String,
    control: String,
    amiss: bool,
}

impl Line {
    fn of(quantity: &Quantity, report: &Report) -> Option<Line> {
        let told = |value: &Value, predicted: &Prediction| {
            let told = format!("{value}{}", spaced(quantity.unit));
            match predicted.allows(value) {
                true => (told, false),
                false => (format!("{told} (predicted {predicted})"), true),
            }
        };
        let (observed, amiss) = told(report.observed.get(quantity.name)?, &quantity.experiment);
        let beside = report.control.observed.get(quantity.name)?;
        let (control, control_amiss) = told(beside, &quantity.control);
        Some(Line {
            name: quantity.name,
            observed,
            control,
            amiss: amiss || control_amiss,
        })
    }
}

fn grid(table: &Table, width: usize) -> String {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width.saturating_sub(4)).unwrap_or(u16::MAX))
        .set_header(&table.columns)
        .add_rows(&table.rows);
    let mut out = format!("\n    {BOLD}{}{BOLD:#}\n", table.title);
    grid.lines()
        .for_each(|line| out += &format!("   {}\n", line.trim_end()));
    out
}

fn indented(text: &str, by: usize, width: usize) -> String {
    let indent = " ".repeat(by);
    let options = textwrap::Options::new(width)
        .initial_indent(&indent)
        .subsequent_indent(&indent);
    textwrap::fill(text, options) + "\n"
}

fn dimmed(text: &str, by: usize, width: usize) -> String {
    let lines = indented(text, by, width);
    lines
        .lines()
        .map(|line| format!("{DIM}{line}{DIM:#}\n"))
        .collect()
}

fn spaced(unit: &str) -> String {
    if unit.is_empty() {
        String::new()
    } else {
        format!(" {unit}")
    }
}

fn pad(text: &str, width: usize) -> String {
    format!(
        "{text}{}",
        " ".repeat(width.saturating_sub(display_width(text)))
    )
}
