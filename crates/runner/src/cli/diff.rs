//! `witness diff`: documents of runs, compared.

use std::ffi::OsString;

use anyhow::{Result, ensure};
use clap::{Args, ValueHint};
use present::{print, print_data};

use super::number;
use crate::diff::read_all;
use crate::render::diff::{Diff, json, markdown, text};
use crate::render::text::Layout;

/// Which documents, and how to show what differs.
#[derive(Args, Clone, Debug)]
pub(super) struct DiffArgs {
    /// Documents of `run --json`, each compared with the first; `-` is standard input. Given as
    /// NAME=FILE, it is called NAME in what is printed, else as the file is, without `.json`
    #[arg(value_name = "FILE", num_args = 2.., required = true)]
    #[arg(value_hint = ValueHint::FilePath)]
    documents: Vec<OsString>,
    /// How far a number may move within its predicted bounds: a share of the largest of both values
    /// and of the bounds. 0.5: to twice or half of it
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = number(0.0..=1.0))]
    tolerance: f64,
    /// Print one JSON document instead of text (described in docs/json.md)
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print a table of Markdown, with a numbered note for each verdict that needs one
    #[arg(long)]
    markdown: bool,
}

impl DiffArgs {
    /// Prints what differs, and returns 1 where a verdict does.
    ///
    /// # Errors
    /// A file that cannot be read or is no such document, documents that share no claim, or output
    /// that cannot be written.
    pub(super) fn run(&self) -> Result<u8> {
        let documents = read_all(&self.documents)?;
        let diff = Diff::new(&documents, self.tolerance);
        let shares = diff.comparisons.iter().any(|it| it.shared > 0);
        ensure!(shares, "the documents have no claim in common");
        match (self.json, self.markdown) {
            (true, _) => print_data(&json::render(&diff)?)?,
            (_, true) => print_data(&markdown::render(&diff))?,
            _ => print(&text::render(&diff, Layout::for_terminal()))?,
        }
        let is_changed = diff.comparisons.iter().any(|it| !it.changed.is_empty());
        Ok(u8::from(is_changed))
    }
}
