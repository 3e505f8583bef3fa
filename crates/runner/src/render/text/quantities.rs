//! The numbers of a claim, in columns where the terminal is wide enough.

use present::foreign_text::escape_controls;
use textwrap::core::display_width;

use super::layout::{BOLD, DIM, Layout, amount, indent};
use claim::{Claim, Prediction, Quantity, Report, Value};

/// Quantities shown of a claim that came out as predicted, unless details are asked for.
const QUANTITIES_SHOWN: usize = 3;

/// Lines of `name   observed | control observed`; what was not as predicted is always shown, with
/// the prediction. Where a line is too long for the terminal, the values stand below the name.
pub(super) fn quantities(claim: &Claim, report: &Report, layout: Layout) -> String {
    let lines: Vec<Line> = claim
        .quantities
        .iter()
        .filter_map(|q| Line::new(q, report))
        .collect();
    let shown = if layout.details {
        lines.len()
    } else {
        QUANTITIES_SHOWN.max(lines.len().min(QUANTITIES_SHOWN + 1))
    };
    let (kept, rest): (Vec<_>, Vec<_>) = lines
        .into_iter()
        .enumerate()
        .partition(|(i, line)| *i < shown || line.unexpected);
    let widest = |text: fn(&Line) -> &str| {
        kept.iter()
            .map(|(_, line)| display_width(text(line)))
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
                indent(line.name, 4, layout.width) + "      ",
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
    /// Whether the experiment or the control differs from its prediction.
    unexpected: bool,
}

impl Line {
    fn new(quantity: &Quantity, report: &Report) -> Option<Line> {
        let describe = |value: &Value, predicted: &Prediction| {
            let text = escape_controls(&amount(value, quantity.unit));
            match predicted.allows(value) {
                true => (text, false),
                false => (format!("{text} (predicted {predicted})"), true),
            }
        };
        let observed = report.observed.get(quantity.name)?;
        let (observed, observed_unexpected) = describe(observed, &quantity.experiment);
        let control = report.control.observed.get(quantity.name)?;
        let (control, control_unexpected) = describe(control, &quantity.control);
        Some(Line {
            name: quantity.name,
            observed,
            control,
            unexpected: observed_unexpected || control_unexpected,
        })
    }
}

fn pad(text: &str, width: usize) -> String {
    format!(
        "{text}{}",
        " ".repeat(width.saturating_sub(display_width(text)))
    )
}
