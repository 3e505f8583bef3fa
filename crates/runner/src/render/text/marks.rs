//! The mark of a verdict, and its colour.

use anstyle::{AnsiColor, Style};
use claim::Verdict;

/// A character that stands for the verdict; where the locale has no such character, standard output
/// shows another one ([`present::charset`]).
pub(super) fn mark(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "✔",
        Verdict::HoldsWith(_) => "~",
        Verdict::Refuted => "✘",
        Verdict::NotMeasured { .. } | Verdict::ControlFailed { .. } => "-",
        Verdict::Error(_) => "!",
    }
}

pub(super) fn style(verdict: &Verdict) -> Style {
    let colour = match verdict {
        Verdict::Holds => AnsiColor::Green,
        Verdict::HoldsWith(_) => AnsiColor::Yellow,
        Verdict::Refuted => AnsiColor::Red,
        Verdict::NotMeasured { .. } | Verdict::ControlFailed { .. } => AnsiColor::Cyan,
        Verdict::Error(_) => AnsiColor::Magenta,
    };
    colour.on_default().bold()
}

/// What the marks mean, for people.
pub(super) const LEGEND: &str = "✔ holds, ~ with a caveat, ✘ refuted, - not measured, ! error";
