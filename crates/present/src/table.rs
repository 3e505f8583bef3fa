//! Tables for people: columns, aligned, as wide as the terminal allows.
//!
//! A table that fits is drawn as wide as its cells, or as its columns were asked to be at least.
//! One that does not fit gives way in this order: no column is wider than its cells; columns that
//! may wrap share the room that the others leave; then the columns that still do not fit go into a
//! further block beneath, in which the first column, the name of the row, stands again. No cell is
//! cut. Widths are those of a terminal (Unicode's UAX 11), not numbers of characters; no line ends
//! in blanks; what a terminal would execute is escaped in every cell.

use anstyle::Style;
use textwrap::core::display_width;
use textwrap::{Options, WordSplitter};

use crate::charset::{is_utf8, to_ascii};
use crate::foreign_text::{escape_controls, escape_lines};

/// No column is wrapped to less than this, unless it is no wider anyway.
const MIN_WRAPPED_WIDTH: usize = 12;

/// A column: its heading, and how its cells lie.
#[derive(Clone, Debug)]
pub struct Column {
    heading: String,
    right: bool,
    least: usize,
    wraps: bool,
}

impl Column {
    /// A column of words. The heading may have several lines, and is escaped as cells are; where no
    /// column has one, none is drawn.
    pub fn left(heading: &str) -> Column {
        Column {
            heading: escape_lines(heading),
            right: false,
            least: 0,
            wraps: false,
        }
    }

    /// A column of numbers, which end below each other.
    pub fn right(heading: &str) -> Column {
        Column {
            right: true,
            ..Column::left(heading)
        }
    }

    /// Makes it so wide at least where there is room, so that tables below each other line up.
    pub fn at_least(mut self, width: usize) -> Column {
        self.least = width;
        self
    }

    /// Lets its cells break into lines where the table is too wide: between words, and within one
    /// that is too long alone.
    pub fn wrapping(mut self) -> Column {
        self.wraps = true;
        self
    }
}

/// What stands in a field.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Gives the whole field a style, the gap before it included, so that neighbours touch.
    pub fn with_style(mut self, style: Style) -> Cell {
        self.style = style;
        self
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        let style = Style::new();
        Cell {
            text: escape_controls(&text),
            style,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::from(text.to_owned())
    }
}

/// Rows of cells under their headings.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    gap: usize,
    indent: usize,
    ascii: bool,
}

impl Table {
    /// A table without rows, two blanks between its columns.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Table {
        Table::in_charset(columns, !is_utf8())
    }

    /// A table in ASCII, or in UTF-8.
    fn in_charset(columns: impl IntoIterator<Item = Column>, ascii: bool) -> Table {
        let mut columns: Vec<Column> = columns.into_iter().collect();
        for column in columns.iter_mut().filter(|_| ascii) {
            column.heading = to_ascii(&column.heading);
        }
        Table {
            columns,
            rows: Vec::new(),
            gap: 2,
            indent: 0,
            ascii,
        }
    }

    /// Sets the blanks between two columns.
    pub fn gap(mut self, blanks: usize) -> Table {
        self.gap = blanks;
        self
    }

    /// Sets the blanks before each line.
    pub fn indent(mut self, blanks: usize) -> Table {
        self.indent = blanks;
        self
    }

    /// Adds a row. Cells that are missing stay empty; what is more than the columns is left out.
    pub fn row<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let mut cells: Vec<Cell> = cells.into_iter().map(Into::into).collect();
        for cell in cells.iter_mut().filter(|_| self.ascii) {
            cell.text = to_ascii(&cell.text);
        }
        cells.resize_with(self.columns.len(), || Cell::from(""));
        self.rows.push(cells);
    }

    /// The lines, in at most `width` columns of a terminal; as wide as it likes without.
    pub fn render(&self, width: Option<usize>) -> String {
        let widths = self.widths(width);
        let blocks = self.blocks(&widths, width);
        let blocks: Vec<String> = blocks
            .iter()
            .map(|block| self.block(block, &widths))
            .collect();
        blocks.join("\n")
    }

    /// How wide each column is drawn.
    fn widths(&self, width: Option<usize>) -> Vec<usize> {
        let cells: Vec<usize> = (0..self.columns.len())
            .map(|at| self.column_width(at))
            .collect();
        let asked = self.columns.iter().zip(&cells);
        let asked: Vec<usize> = asked.map(|(column, own)| column.least.max(*own)).collect();
        let gaps = self.indent + self.gap * cells.len().saturating_sub(1);
        match width {
            Some(width) if gaps + asked.iter().sum::<usize>() > width => {
                self.share(cells, width.saturating_sub(gaps))
            }
            _ => asked,
        }
    }

    /// The widest line that stands in a column.
    fn column_width(&self, at: usize) -> usize {
        let cells = self.rows.iter().map(|row| display_width(&row[at].text));
        let headings = self.columns[at].heading.lines().map(display_width);
        cells.chain(headings).max().unwrap_or(0)
    }

    /// Lets the columns that may wrap have what the others leave of `room`.
    fn share(&self, mut widths: Vec<usize>, room: usize) -> Vec<usize> {
        let (mut wrapping, firm): (Vec<usize>, Vec<usize>) =
            (0..widths.len()).partition(|&at| self.columns[at].wraps);
        let firm: usize = firm.into_iter().map(|at| widths[at]).sum();
        let mut room = room.saturating_sub(firm);
        // The narrowest first: what it does not need is left to the others.
        wrapping.sort_by_key(|&at| widths[at]);
        for (done, &at) in wrapping.iter().enumerate() {
            let share = room / (wrapping.len() - done);
            widths[at] = widths[at].min(share.max(MIN_WRAPPED_WIDTH));
            room = room.saturating_sub(widths[at]);
        }
        widths
    }

    /// Which columns stand side by side.
    fn blocks(&self, widths: &[usize], width: Option<usize>) -> Vec<Vec<usize>> {
        let Some(&first) = widths.first() else {
            return Vec::new();
        };
        let width = width.unwrap_or(usize::MAX);
        let mut blocks = vec![vec![0]];
        let mut taken = self.indent + first;
        for (at, own) in widths.iter().enumerate().skip(1) {
            let more = self.gap + own;
            match blocks.last_mut() {
                Some(block) if block.len() == 1 || taken + more <= width => block.push(at),
                _ => {
                    blocks.push(vec![0, at]);
                    taken = self.indent + first;
                }
            }
            taken += more;
        }
        blocks
    }

    fn block(&self, block: &[usize], widths: &[usize]) -> String {
        let mut text = String::new();
        if self.columns.iter().any(|column| !column.heading.is_empty()) {
            let headings = block.iter().map(|&at| {
                let heading = &self.columns[at].heading;
                (
                    at,
                    heading
                        .lines()
                        .flat_map(|line| wrap(line, widths[at]))
                        .collect(),
                )
            });
            self.push_lines(&mut text, headings.collect(), widths, |_| Style::new());
        }
        for row in &self.rows {
            let cells = block.iter().map(|&at| {
                let lines = match self.columns[at].wraps {
                    true => wrap(&row[at].text, widths[at]),
                    false => vec![row[at].text.clone()],
                };
                (at, lines)
            });
            self.push_lines(&mut text, cells.collect(), widths, |at| row[at].style);
        }
        text
    }

    /// Draws fields side by side, each a column's number and its lines.
    fn push_lines(
        &self,
        text: &mut String,
        fields: Vec<(usize, Vec<String>)>,
        widths: &[usize],
        style: impl Fn(usize) -> Style,
    ) {
        let height = fields
            .iter()
            .map(|(_, lines)| lines.len())
            .max()
            .unwrap_or(0);
        for line in 0..height {
            let mut drawn = " ".repeat(self.indent);
            for (place, (at, lines)) in fields.iter().enumerate() {
                let cell = lines.get(line).map_or("", String::as_str);
                let pad = " ".repeat(widths[*at].saturating_sub(display_width(cell)));
                let gap = " ".repeat(if place == 0 { 0 } else { self.gap });
                let style = style(*at);
                drawn += &match self.columns[*at].right {
                    true => format!("{style}{gap}{pad}{cell}{style:#}"),
                    false => format!("{style}{gap}{cell}{pad}{style:#}"),
                };
            }
            text.push_str(drawn.trim_end());
            text.push('\n');
        }
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    if display_width(text) <= width {
        return vec![text.to_owned()];
    }
    let options = Options::new(width).word_splitter(WordSplitter::NoHyphenation);
    textwrap::wrap(text, options)
        .into_iter()
        .map(Into::into)
        .collect()
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;
    use proptest::prelude::*;

    use super::*;

    fn herd() -> Table {
        let mut table = Table::new([
            Column::left("\nstrategy").at_least(10),
            Column::right("wakeups"),
            Column::right("CPU\nus"),
        ]);
        table.row(["blocking", "1.000", "19.9"]);
        table.row(["poll", "8.040", "7"]);
        table
    }

    #[test]
    fn numbers_end_below_each_other_and_no_line_in_blanks() {
        let drawn = "            wakeups   CPU\n\
                     strategy               us\n\
                     blocking      1.000  19.9\n\
                     poll          8.040     7\n";
        assert_eq!(herd().render(None), drawn);
        assert_eq!(herd().render(Some(25)), drawn, "it fits exactly");
    }

    #[test]
    fn columns_that_do_not_fit_go_beneath_with_the_first_again() {
        assert_eq!(
            herd().render(Some(20)),
            "          wakeups\n\
             strategy\n\
             blocking    1.000\n\
             poll        8.040\n\
             \n           CPU\n\
             strategy    us\n\
             blocking  19.9\n\
             poll         7\n"
        );
    }

    #[test]
    fn what_a_column_was_asked_to_be_gives_way_first() {
        let line = |width| herd().render(Some(width)).lines().nth(2).map(str::to_owned);
        assert_eq!(line(25).as_deref(), Some("blocking      1.000  19.9"));
        assert_eq!(line(24).as_deref(), Some("blocking    1.000  19.9"));
    }

    #[test]
    fn wrapping_columns_share_the_room_and_lose_nothing() {
        let mut table = Table::new([
            Column::left("id"),
            Column::left("short").wrapping(),
            Column::left("path").wrapping(),
        ]);
        table.row(["1", "abc", "/a/very/long/path/without/any/blank"]);
        assert_eq!(
            table.render(Some(30)),
            "id  short  path\n\
             1   abc    /a/very/long/path/w\n\
             \x20          ithout/any/blank\n"
        );
    }

    #[test]
    fn wide_characters_take_two_columns_and_controls_are_shown() {
        let drawn = |ascii| {
            let mut table = Table::in_charset([Column::left(""), Column::left("")], ascii);
            table.row(["猫", "b"]);
            table.row(["cat", "\x1b[2J\n"]);
            table.render(None)
        };
        assert_eq!(drawn(false), "猫   b\ncat  \\x1b[2J\\n\n");
        assert_eq!(drawn(true), "\\u{732b}  b\ncat       \\x1b[2J\\n\n");
        let headings = Table::new([Column::left("a\x1b[2J"), Column::right("\nb")]);
        assert_eq!(headings.render(None), "a\\x1b[2J\n          b\n");
    }

    #[test]
    fn a_style_fills_the_field_and_the_gap() {
        let mut table = Table::new([Column::left(""), Column::right("").at_least(3)]).gap(1);
        let style = AnsiColor::Red.on_default();
        table.row([Cell::from("a"), Cell::from("7").with_style(style)]);
        assert_eq!(table.render(None), format!("a{style}   7{style:#}\n"));
    }

    #[test]
    fn no_columns_are_no_lines() {
        assert_eq!(Table::new([]).render(Some(80)), "");
    }

    proptest! {
        #[test]
        fn wrapping_tables_keep_the_width_and_every_word(
            rows in prop::collection::vec(prop::collection::vec("[a-z ]{0,40}", 3), 0..5),
            width in 44_usize..100,
        ) {
            let columns = ["one", "two", "three"].map(|name| Column::left(name).wrapping());
            let mut table = Table::new(columns);
            rows.iter().for_each(|row| table.row(row.iter().map(String::as_str)));
            let drawn = table.render(Some(width));
            let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).count();
            let given: usize = rows.iter().flatten().map(|cell| letters(cell)).sum();
            prop_assert_eq!(letters(&drawn), given + letters("onetwothree"));
            for line in drawn.lines() {
                prop_assert!(display_width(line) <= width && line == line.trim_end());
            }
        }
    }
}
