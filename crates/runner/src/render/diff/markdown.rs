//! Documents side by side as Markdown: what ran, a table of claims, and a numbered note for each
//! verdict that needs one.

use present::foreign_text::escape_controls;

use super::{Diff, legend, movement};
use crate::diff::{Cell, Matrix, Verdict};
use crate::render::machine;

/// Renders `diff`. Quantities that moved stand there where two documents are compared.
pub fn render(diff: &Diff<'_>) -> String {
    let documents: Vec<_> = diff.documents.iter().map(|it| &it.document).collect();
    let matrix = Matrix::new(&documents);
    let mut out = row(["", "kernel and machine"]) + &row(["---"; 2]);
    for named in diff.documents {
        let mut what = machine::sentence(&named.document.machine);
        if let Some(partial) = &named.document.partial {
            what += &format!("; PARTIAL: {partial}");
        }
        out += &row([escape(&named.name), escape(&what)]);
    }
    let names = diff.documents.iter().map(|it| escape(&it.name));
    out += "\n";
    out += &row(["claim".to_owned()].into_iter().chain(names));
    out += &row(["---"].into_iter().chain(documents.iter().map(|_| ":-:")));
    for claim in &matrix.rows {
        let cells = claim
            .cells
            .iter()
            .map(|it| it.as_ref().map_or(String::new(), cell));
        out += &row([escape(claim.id)].into_iter().chain(cells));
    }
    let counts = diff.documents.iter().map(|it| {
        let holds = it.document.claims.values();
        let holds = holds.filter(|it| matches!(it.verdict, Verdict::Holds | Verdict::HoldsWith));
        format!("{} of {}", holds.count(), it.document.claims.len())
    });
    out += &row(["hold".to_owned()].into_iter().chain(counts));
    out += &format!("\n{}\n", legend());
    for (at, note) in matrix.notes.iter().enumerate() {
        let gap = if at == 0 { "\n" } else { "" };
        out += &format!("{gap}{}. {}\n", at + 1, escape(note));
    }
    if let [comparison] = diff.comparisons.as_slice() {
        for (at, moved) in comparison.moved.iter().enumerate() {
            let gap = if at == 0 {
                "\nQuantities that moved:\n\n"
            } else {
                ""
            };
            let (id, quantity) = (escape(moved.id), escape(moved.quantity));
            out += &format!("{gap}- {id}, {quantity}: {}\n", escape(&movement(moved)));
        }
    }
    out
}

fn row(cells: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let cells = cells
        .into_iter()
        .map(|cell| format!(" {} |", cell.as_ref()));
    format!("|{}\n", cells.collect::<String>())
}

fn cell(cell: &Cell) -> String {
    let mark = cell.verdict.mark();
    match cell.note {
        Some(note) => format!("{mark} <sup>{note}</sup>"),
        None => mark.to_owned(),
    }
}

/// Text that Markdown shows as it is: what would be markup has a backslash before it.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in escape_controls(text).chars() {
        if matches!(
            character,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '#' | '$'
        ) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn markup_is_shown_and_forges_no_cell() {
        assert_eq!(
            escape("a|b <script> `x` *y*\n"),
            r"a\|b \<script\> \`x\` \*y\*\\n"
        );
        assert_eq!(escape("6.1: EPERM (kcmp)"), "6.1: EPERM (kcmp)");
    }
}
