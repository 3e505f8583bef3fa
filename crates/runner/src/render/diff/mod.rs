//! Documents of runs side by side: as text, as a table of Markdown, as JSON.

pub mod json;
pub mod markdown;
pub mod text;

use claim::Value;

use crate::diff::{Comparison, Move, NamedDocument, Verdict, compare};

/// What is drawn: the documents, each compared with the first.
pub struct Diff<'a> {
    /// At least two.
    pub documents: &'a [NamedDocument],
    /// How far a number may move within its bounds: see [`compare`].
    pub tolerance: f64,
    /// The second document and those behind it, each against the first.
    pub comparisons: Vec<Comparison<'a>>,
}

impl<'a> Diff<'a> {
    /// Compares `documents`.
    pub fn new(documents: &'a [NamedDocument], tolerance: f64) -> Diff<'a> {
        let comparisons = match documents {
            [] => Vec::new(),
            [first, others @ ..] => others
                .iter()
                .map(|other| compare(&first.document, &other.document, tolerance))
                .collect(),
        };
        Diff {
            documents,
            tolerance,
            comparisons,
        }
    }

    /// Each comparison with the names of its two documents.
    fn named_comparisons(&self) -> impl Iterator<Item = (&str, &str, &Comparison<'a>)> {
        let others = self.documents.iter().skip(1).zip(&self.comparisons);
        let first = self.documents.first().map_or("", |it| it.name.as_str());
        others.map(move |(other, comparison)| (first, other.name.as_str(), comparison))
    }
}

/// The marks of a table, each with what it stands for, and how its notes are to be read.
fn legend() -> String {
    let marks = Verdict::ALL.map(|verdict| format!("{} {}", verdict.mark(), verdict.words()));
    format!(
        "{}; an empty cell: not in that document. Reasons that differ in their numbers alone share \
         a note.",
        marks.join(", ")
    )
}

/// `0.010 -> 0.090 (predicted at most 0.1)`.
fn movement(moved: &Move<'_>) -> String {
    let value = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
    let (from, to) = (value(moved.from), value(moved.to));
    format!("{from} -> {to} (predicted {})", moved.predicted)
}
