//! Every claim in every document: a row a claim, a column a document, a numbered note a reason.

use super::document::{Claim, Document, Verdict};
use super::outcome::Outcome;

/// The verdicts of several documents.
#[derive(Debug, PartialEq, Eq)]
pub struct Matrix<'a> {
    /// One a claim: those of the first document in its order, then those that only others have.
    pub rows: Vec<Row<'a>>,
    /// Reasons, numbered from 1. Cells that have one reason share its note, and so do those whose
    /// reasons differ in numbers alone, unless the numbers are what decided.
    pub notes: Vec<String>,
}

/// A claim.
#[derive(Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its topic.
    pub topic: &'a str,
    /// What it came to in each document; none where the document does not have it.
    pub cells: Vec<Option<Cell>>,
}

/// What a claim came to in a document.
#[derive(Debug, PartialEq, Eq)]
pub struct Cell {
    /// The verdict.
    pub verdict: Verdict,
    /// The number of its note: it has one where the claim does not hold, and where the verdict is
    /// another one than in the first document.
    pub note: Option<usize>,
}

impl<'a> Matrix<'a> {
    /// That of `documents`.
    pub fn new(documents: &[&'a Document]) -> Matrix<'a> {
        let mut ids: Vec<&Claim> = Vec::new();
        for (at, document) in documents.iter().enumerate() {
            let is_new = |claim: &&Claim| {
                let earlier = &documents[..at];
                !earlier.iter().any(|it| it.claims.contains_key(&claim.id))
            };
            ids.extend(document.claims.values().filter(is_new));
        }
        let mut notes = Vec::new();
        let rows = ids.into_iter().map(|claim| {
            let found = documents.iter().map(|it| it.claims.get(&claim.id));
            Row {
                id: &claim.id,
                topic: &claim.topic,
                cells: cells(&found.collect::<Vec<_>>(), &mut notes),
            }
        });
        Matrix {
            rows: rows.collect(),
            notes,
        }
    }
}

/// The cells of a claim that has become this; reasons that nobody gave yet are added to `notes`.
fn cells(found: &[Option<&Claim>], notes: &mut Vec<String>) -> Vec<Option<Cell>> {
    let first = found.first().copied().flatten().map(|claim| claim.verdict);
    let mut note = |reason: String, verdict: Verdict| {
        let decided = matches!(verdict, Verdict::Holds | Verdict::Refuted);
        let is_same = |note: &String| {
            *note == reason || !decided && without_numbers(note) == without_numbers(&reason)
        };
        let known = notes.iter().position(is_same);
        1 + known.unwrap_or_else(|| {
            notes.push(reason);
            notes.len() - 1
        })
    };
    let mut cell = |claim: &Claim| {
        let Outcome { verdict, reason } = Outcome::from_claim(claim);
        let differs = first.is_some_and(|first| first != verdict);
        let has_note = (differs || verdict != Verdict::Holds) && !reason.is_empty();
        Cell {
            verdict,
            note: has_note.then(|| note(reason, verdict)),
        }
    };
    found
        .iter()
        .copied()
        .map(|claim| claim.map(&mut cell))
        .collect()
}

/// The text with each number as one `#`: two machines refuse the same with other process ids.
fn without_numbers(text: &str) -> String {
    let mut masked = String::new();
    for character in text.chars() {
        match character {
            '0'..='9' if masked.ends_with('#') => {}
            '0'..='9' => masked.push('#'),
            '.' if masked.ends_with('#') => {}
            character => masked.push(character),
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(claims: &[(&str, &str, &str)]) -> Document {
        let claim = |(id, verdict, why): &(&str, &str, &str)| {
            format!(
                r#"{{"id": "{id}", "topic": "t", "verdict": "{verdict}", "predicted": {{"n": 1}},
                    "observed": {{"n": {}}}, "caveat": null, "why": "{why}"}}"#,
                if *verdict == "refuted" { why } else { "1" }
            )
        };
        let claims: Vec<String> = claims.iter().map(claim).collect();
        let text = format!(
            r#"{{"schema": 1, "kernel": "6.18", "claims": [{}], "machine":
                {{"architecture": "x86_64", "cpus": 2, "page_size": 4096, "uid": 0}}}}"#,
            claims.join(",")
        );
        Document::parse(text.as_bytes()).unwrap()
    }

    /// The marks and the numbers of notes, a line a claim.
    fn drawn(documents: &[&Document]) -> (Vec<String>, Vec<String>) {
        let matrix = Matrix::new(documents);
        let cell = |cell: &Option<Cell>| match cell {
            Some(Cell { verdict, note }) => {
                format!(
                    "{}{}",
                    verdict.mark(),
                    note.map_or(String::new(), |it| it.to_string())
                )
            }
            None => "absent".to_owned(),
        };
        let row = |row: &Row<'_>| {
            let cells: Vec<String> = row.cells.iter().map(cell).collect();
            format!("{} {}", row.id, cells.join(" "))
        };
        (matrix.rows.iter().map(row).collect(), matrix.notes)
    }

    #[test]
    fn what_does_not_hold_or_differs_has_a_note() {
        let first = document(&[
            ("a", "holds", ""),
            ("b", "refuted", "8"),
            ("c", "holds", ""),
        ]);
        let second = document(&[
            ("b", "holds", ""),
            ("d", "holds", ""),
            ("a", "error", "broke"),
        ]);
        let (rows, notes) = drawn(&[&first, &second]);
        assert_eq!(rows, ["a ✔ !1", "b ✘2 ✔3", "c ✔ absent", "d absent ✔"]);
        assert_eq!(notes, ["broke", "n: 8 (predicted 1)", "n: 1"]);
    }

    #[test]
    fn one_reason_is_told_once() {
        let refused = |pid| format!("read /proc/{pid}/wchan: ENOENT");
        let (one, two) = (refused(7), refused(1234));
        let first = document(&[("a", "not_measured", &one), ("b", "not_measured", &two)]);
        let second = document(&[("a", "refuted", "8"), ("b", "refuted", "9")]);
        let (rows, notes) = drawn(&[&first, &second]);
        assert_eq!(
            rows,
            ["a -1 ✘2", "b -1 ✘3"],
            "numbers that decided are told apart"
        );
        assert_eq!(
            notes,
            [one.as_str(), "n: 8 (predicted 1)", "n: 9 (predicted 1)"]
        );
    }
}
