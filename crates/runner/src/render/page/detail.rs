//! What a run saw beside the numbers: notes, figures, tables.

use maud::{Markup, html};

use claim::{Detail, Report, Table};
use present::foreign_text::escape_lines;

use super::text::shown;

/// Letters of a line that a window of 390 pixels has room for.
const FITTING: usize = 38;
/// Room between two columns, in letters.
const GAP: usize = 2;

/// What both arms of a claim saw.
pub(super) fn seen(report: &Report) -> Markup {
    let arms = [
        ("In the experiment", &report.details),
        ("In the control", &report.control.details),
    ];
    html! {
        @if arms.iter().any(|(_, details)| details.iter().any(is_something)) {
            details.seen {
                summary { "What else was seen" }
                @for (head, details) in arms {
                    @if details.iter().any(is_something) {
                        h4 { (head) }
                        @for detail in details.iter().filter(|it| is_something(it)) {
                            (draw(detail))
                        }
                    }
                }
            }
        }
    }
}

fn is_something(detail: &Detail) -> bool {
    match detail {
        Detail::Note(text) | Detail::Figure(text) => !text.trim().is_empty(),
        Detail::Table(table) => !table.rows.is_empty(),
    }
}

fn draw(detail: &Detail) -> Markup {
    html! {
        @match detail {
            Detail::Note(note) => p.note { (shown(note)) },
            Detail::Figure(figure) => pre { (escape_lines(figure)) },
            Detail::Table(table) => (draw_table(table)),
        }
    }
}

/// A table whose first column names its rows. Where it is too wide for a narrow window, each of its
/// cells has a label there, since it becomes a list.
pub(super) fn draw_table(table: &Table) -> Markup {
    let is_wide = width(table) > FITTING;
    let form = if is_wide { "list" } else { "table" };
    let label = |index: usize| {
        let column = table.columns.get(index).filter(|_| is_wide)?;
        Some(shown(column))
    };
    html! {
        table class=(form) {
            caption { (shown(&table.title)) }
            thead { tr {
                @for column in &table.columns {
                    th { (shown(column)) }
                }
            } }
            tbody {
                @for row in &table.rows {
                    tr {
                        @for (index, cell) in row.iter().enumerate() {
                            @if index == 0 {
                                th { (shown(cell)) }
                            } @else {
                                td data-label=[label(index)] { (shown(cell)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Letters that its longest cells take side by side.
fn width(table: &Table) -> usize {
    let lines = || table.rows.iter().chain([&table.columns]);
    let longest = |index: usize| {
        let cells = lines().filter_map(|line| line.get(index));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let columns = lines().map(Vec::len).max().unwrap_or(0);
    (0..columns).map(|index| longest(index) + GAP).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(columns: &[&str], row: &[&str]) -> String {
        let text = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let table = Table {
            title: "a table".to_owned(),
            columns: text(columns),
            rows: vec![text(row)],
        };
        draw_table(&table).into_string()
    }

    #[test]
    fn only_a_wide_table_becomes_a_list_in_a_narrow_window() {
        let small = draw(&["worker", "pid", "woke"], &["0", "22695", "1"]);
        assert!(
            small.contains("class=\"table\"") && !small.contains("data-label"),
            "{small}"
        );
        let wide = draw(&["worker", "pid"], &["0", &"22695 ".repeat(9)]);
        assert!(wide.contains("class=\"list\""), "{wide}");
        assert!(wide.contains("<td data-label=\"pid\">"), "{wide}");
    }
}
