//! How wide, how much, and in which style.

use anstyle::Style;
use present::foreign_text::escape_controls;
use present::terminal_width;

/// How much to show, and how wide.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Columns of the terminal.
    pub width: usize,
    /// Every quantity, table and note, instead of the first few lines.
    pub details: bool,
}

impl Layout {
    /// As wide as the terminal, within reason; 100 columns where there is none.
    pub fn for_terminal(details: bool) -> Layout {
        Layout {
            width: terminal_width().unwrap_or(100).clamp(60, 110),
            details,
        }
    }
}

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();

/// A paragraph `by` columns from the left. What names of others in it would do is escaped.
pub(super) fn indent(text: &str, by: usize, width: usize) -> String {
    let indent = " ".repeat(by);
    let options = textwrap::Options::new(width)
        .initial_indent(&indent)
        .subsequent_indent(&indent);
    textwrap::fill(&escape_controls(text), options) + "\n"
}

pub(super) fn dimmed(text: &str, by: usize, width: usize) -> String {
    let lines = indent(text, by, width);
    lines
        .lines()
        .map(|line| format!("{DIM}{line}{DIM:#}\n"))
        .collect()
}

pub(super) fn with_space(unit: &str) -> String {
    if unit.is_empty() {
        String::new()
    } else {
        format!(" {unit}")
    }
}
