//! How wide, and in which style.

use anstyle::Style;
use present::charset::for_locale;
use present::foreign_text::escape_controls;
use present::terminal_width;

/// How wide.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Columns of the terminal.
    pub width: usize,
}

/// Columns where nothing tells how wide a line may be.
const WIDTH_UNKNOWN: usize = 100;

/// Columns below which nothing is drawn narrower.
const NARROWEST: usize = 60;

/// Columns of the longest line of prose: what is wider is hard to read.
pub(super) const WIDEST_PROSE: usize = 110;

impl Layout {
    /// As wide as the terminal, within reason.
    pub fn for_terminal() -> Layout {
        let Layout { width } = Layout::for_table();
        Layout {
            width: width.min(WIDEST_PROSE),
        }
    }

    /// As wide as the terminal, however wide it is.
    pub fn for_table() -> Layout {
        Layout {
            width: terminal_width().unwrap_or(WIDTH_UNKNOWN).max(NARROWEST),
        }
    }
}

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();

/// A paragraph `by` columns from the left. What names of others in it would do is escaped.
pub fn indent(text: &str, by: usize, width: usize) -> String {
    let indent = " ".repeat(by);
    let options = textwrap::Options::new(width)
        .initial_indent(&indent)
        .subsequent_indent(&indent);
    textwrap::fill(&shown(text), options) + "\n"
}

/// Text as it may be shown here: what names of others in it would do is escaped.
pub(super) fn shown(text: &str) -> String {
    for_locale(&escape_controls(text)).into_owned()
}

/// The lines of a paragraph, made safe to show.
pub(super) fn fill_lines(text: &str, width: usize) -> Vec<String> {
    let text = shown(text);
    let lines = textwrap::wrap(&text, width);
    lines.into_iter().map(Into::into).collect()
}

/// As much of a line as `width` columns hold.
pub(super) fn cut(line: &str, width: usize) -> String {
    let mut cut = String::new();
    let mut room = width;
    for character in line.chars() {
        let own = textwrap::core::display_width(character.encode_utf8(&mut [0; 4]));
        let Some(rest) = room.checked_sub(own) else {
            break;
        };
        room = rest;
        cut.push(character);
    }
    cut
}

pub(super) fn dimmed(text: &str, by: usize, width: usize) -> String {
    let lines = indent(text, by, width);
    lines
        .lines()
        .map(|line| format!("{DIM}{line}{DIM:#}\n"))
        .collect()
}

/// A number with its unit, which is in the singular behind a 1.
pub fn amount(number: impl ToString, unit: &str) -> String {
    let number = number.to_string();
    let is_one = number == "1" || number.ends_with(" 1");
    match unit.strip_suffix('s') {
        _ if unit.is_empty() => number,
        Some(singular) if is_one && !singular.is_empty() => format!("{number} {singular}"),
        _ => format!("{number} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{amount, cut};

    #[test]
    fn a_line_is_cut_by_columns() {
        assert_eq!(cut("kernel", 3), "ker");
        assert_eq!(cut("猫猫猫", 5), "猫猫");
        assert_eq!(cut("ab", 5), "ab");
    }

    #[test]
    fn one_is_singular() {
        for (number, unit, text) in [
            ("1", "pages", "1 page"),
            ("at least 1", "bytes", "at least 1 byte"),
            ("11", "pages", "11 pages"),
            ("0.4 to 0.6", "pages", "0.4 to 0.6 pages"),
            ("1", "s", "1 s"),
            ("1", "", "1"),
        ] {
            assert_eq!(amount(number, unit), text);
        }
    }
}
