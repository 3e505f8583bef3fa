//! `witness report`: a run as a page for a browser.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use claim::{Register, Summary};
use clap::{Args, ValueHint};
use harness::interrupt::exit_status;
use present::foreign_text::escape;
use present::{OutputFile, SameFile, is_standard_output, print, print_note};

use super::run::{Outcome, RunArgs};
use crate::diff::read_bytes;
use crate::render::page::{self, Companions};
use crate::saved::Saved;

/// Which run, and where the page goes.
#[derive(Args, Clone, Debug)]
pub(super) struct ReportArgs {
    /// Where to write the page; /dev/stdout for standard output
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Run nothing: draw this document of `run --json`; `-` is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    from: Option<OsString>,
}

impl ReportArgs {
    /// Writes the page, and returns the exit status of the run. What stands in the way of writing
    /// it is found out before anything runs.
    ///
    /// # Errors
    /// A file that is no document of a run, or a page that cannot be written.
    pub(super) fn run(&self, register: &Register, companions: Companions<'_>) -> Result<u8> {
        if let Some(from) = &self.from {
            let (from_file, page) = (SameFile::at(from.as_ref()), SameFile::at(&self.file));
            let is_other = from_file.is_none() || from_file != page;
            ensure!(is_other, "{} would be written over", escape(from));
        }
        let page = OutputFile::at(&self.file)?;
        let (saved, signal) = match &self.from {
            Some(from) => (read(from, register)?, None),
            None => {
                let Outcome {
                    document, signal, ..
                } = RunArgs::silent().outcome(register)?;
                let left_out = Vec::new();
                (Saved { document, left_out }, signal)
            }
        };
        let Saved { document, left_out } = &saved;
        let companions = Companions {
            left_out,
            ..companions
        };
        page.write(&page::render(register, companions, document))?;
        if !is_standard_output(&self.file) {
            let headline = page::headline(document);
            print(&format!("{}: {headline}.\n", escape(&self.file)))?;
        }
        let status = Summary::count(&document.reports).exit_status(false);
        Ok(signal.map_or(status, exit_status))
    }
}

/// The document of an earlier run. What this program measures otherwise by now is left out.
fn read(from: &OsString, register: &Register) -> Result<Saved> {
    let read = || Saved::parse(&read_bytes(from)?, register);
    let saved = read().with_context(|| escape(from))?;
    if !saved.left_out.is_empty() {
        let ids: Vec<String> = saved.left_out.iter().map(escape).collect();
        print_note(&format!(
            "left out, since this program has no such claim or measures it otherwise: {}",
            ids.join(", ")
        ));
    }
    Ok(saved)
}
