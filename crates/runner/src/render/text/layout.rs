//! How wide, how much, and in which style.

use anstyle::Style;
use terminal_size::{Width, terminal_size};

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
    pub fn of_terminal(details: bool) -> Layout {
        let width = terminal_size().map_or(100, |(Width(columns), _)| usize::from(columns));
        Layout {
            width: width.clamp(60, 110),
            details,
        }
    }
}

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();

pub(super) fn indented(text: &str, by: usize, width: usize) -> String {
    let indent = " ".repeat(by);
    let options = textwrap::Options::new(width)
        .initial_indent(&indent)
        .subsequent_indent(&indent);
    textwrap::fill(text, options) + "\n"
}

pub(super) fn dimmed(text: &str, by: usize, width: usize) -> String {
    let lines = indented(text, by, width);
    lines
        .lines()
        .map(|line| format!("{DIM}{line}{DIM:#}\n"))
        .collect()
}

pub(super) fn spaced(unit: &str) -> String {
    if unit.is_empty() {
        String::new()
    } else {
        format!(" {unit}")
    }
}
