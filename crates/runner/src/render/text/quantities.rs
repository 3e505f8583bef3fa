//! The numbers of a claim, in columns where the terminal is wide enough.

use present::foreign_text::escape_controls;
use textwrap::core::display_width;

use super::layout::{BOLD, DIM, Layout, indented, spaced};
use claim::{Claim, Prediction, Quantity, Report, Value};

/// Quantities shown of a claim that came out as predicted, unless details are asked for.
const FEW: usize = 3;

/// Lines of `name   observed | control observed`; what was not as predicted is always shown, with
/// the prediction. Where a line is too long for the terminal, the values stand below the name.
pub(super) fn quantities(claim: &Claim, report: &Report, layout: Layout) -> String {
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
            let told = escape_controls(&format!("{value}{}", spaced(quantity.unit)));
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

fn pad(text: &str, width: usize) -> String {
    format!(
        "{text}{}",
        " ".repeat(width.saturating_sub(display_width(text)))
    )
}
