//! Documents of runs, compared: which verdicts changed, which quantities moved, what was measured
//! in one of them only.

mod compare;
mod document;
mod matrix;
mod outcome;
mod source;

pub use compare::{Comparison, Move, compare};
pub(crate) use document::explain;
pub use document::{Document, Verdict};
pub use matrix::{Cell, Matrix, Row};
pub use outcome::Outcome;
pub use source::{NamedDocument, read_all, read_bytes};
