//! What people look at, the same for every tool: text of others made safe, tables, pictures,
//! progress, numbers with units, standard output and output files.
//!
//! Text is escaped once, where it is drawn: the documents of the tools hold names as they are.
//!
//! | Module | What it is for |
//! |---|---|
//! | [`foreign_text`] | names of processes and files, which may hold anything |
//! | [`charset`] | ASCII where the locale is not UTF-8 |
//! | [`Table`] | columns for a terminal of any width |
//! | [`svg`] | pictures that read in a light and a dark theme |
//! | [`units`] | bytes, counts and shares as people read them |
//! | [`Progress`] | how far a run is |
//! | [`print()`], [`print_data`], [`print_document`] | standard output for people and programs |
//! | [`OutputFile`] | a file that is written whole or not at all |
//! | [`SameFile`], [`ensure_apart`] | whether two names mean one file |
//! | [`terminal_width`], [`fold_lines`], [`fill_sentences`] | how wide a line may be |
//!
//! ```
//! use present::foreign_text::escape;
//! use present::{Column, Table};
//!
//! let mut table = Table::new([Column::left("process"), Column::right("size")]);
//! table.row([escape("sleep"), present::units::bytes(4096)]);
//! table.row([escape("evil\x1b[2J"), present::units::bytes(1 << 20)]);
//! assert_eq!(
//!     table.render(None),
//!     "process       size\n\
//!      sleep        4 KiB\n\
//!      evil\\x1b[2J  1 MiB\n"
//! );
//! ```
//!
//! Knows nothing of claims, processes or memory. Of the system it asks for the width of the
//! terminal, and what an output file needs.

pub mod charset;
mod error;
pub mod foreign_text;
#[cfg(any(test, fuzzing))]
pub mod laws;
mod lines;
mod output;
mod output_file;
mod progress;
mod same_file;
pub mod svg;
mod table;
pub mod units;

pub use error::Error;
pub use lines::{fill_sentences, fold_lines, terminal_width};
pub use output::{print, print_data, print_document, print_note};
pub use output_file::OutputFile;
pub use progress::Progress;
pub use same_file::{SameFile, TwoDocuments, ensure_apart, is_standard_output};
pub use table::{Cell, Column, Table};
