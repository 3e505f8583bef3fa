//! What a run saw beside the numbers: notes, figures, tables.

use maud::{Markup, html};

use claim::{Detail, Report, Table};
use present::foreign_text::escape_lines;

use super::text::shown;

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

/// A table whose first column names its rows.
pub(super) fn draw_table(table: &Table) -> Markup {
    let label = |index: usize| {
        table
            .columns
            .get(index)
            .map_or(String::new(), |it| shown(it))
    };
    html! {
        table.list {
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
                                td data-label=(label(index)) { (shown(cell)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
