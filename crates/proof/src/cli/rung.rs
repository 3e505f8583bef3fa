//! `proof rung`: makes one rung of the ladder, and runs a program on it.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use proof::ladder::{CANNOT_BE_MADE, run, rungs};

/// Options of a rung. The exit status is the program's, or 125 where the rung cannot be made here.
#[derive(Args)]
pub(super) struct RungArgs {
    /// The rung's name
    rung: String,
    /// The step to go on from, in a process that the rung itself has started
    #[arg(long, default_value_t = 0, hide = true)]
    from: usize,
    /// The control group to join, in a process that the rung itself has started
    #[arg(long, hide = true)]
    group: Option<PathBuf>,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    program: Vec<OsString>,
}

impl RungArgs {
    /// Makes the rung, and becomes the program.
    ///
    /// # Errors
    /// There is no such rung.
    pub(super) fn run(&self) -> Result<u8> {
        let rung = rungs().find(|rung| rung.name == self.rung);
        let rung = rung.with_context(|| format!("there is no rung {}", self.rung))?;
        let group = self.group.as_deref();
        run(rung, self.from, group, &self.program).or_else(|error| {
            present::print_note(&format!("proof: {error:#}"));
            Ok(CANNOT_BE_MADE)
        })
    }
}
