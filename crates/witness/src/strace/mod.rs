//! `witness strace ID`: a claim under strace(1), its system calls explained.

mod alike;
mod bookkeeping;
mod family;
mod lesson;
mod lessons;
mod render;
mod shorten;
mod words;

use std::time::Duration;

use anyhow::{Context, Result};
use claim::Register;
use clap::Args;
use present::{print, print_note, terminal_width};
use proof::program;
use proof::record::{reason_against, record_with, require_strace};
use proof::witness::Witness;

use lesson::Lesson;

/// How long the claim may take without strace: its own limit is 30 s, and a noisy machine may have
/// it measured again.
const LIMIT: Duration = Duration::from_secs(120);

/// Columns where nothing tells how wide a line may be.
const WIDTH_UNKNOWN: usize = 100;

/// What `--help` says at its end.
pub const HELP: &str = "\
Exit status:
  0        the claim holds
  1        the claim was refuted
  2        something failed: strace is missing or may not trace, or as for `run`
  4        the claim was not measured, or it cannot be traced

Examples:
  witness strace fork-shares-description
  witness strace others-stay-asleep";

/// Options of a lesson.
#[derive(Args, Clone, Debug)]
pub struct StraceArgs {
    /// The claim
    #[arg(value_name = "ID")]
    id: String,
}

impl StraceArgs {
    /// Runs the claim twice, under strace and without, and prints the trace and the figures. The
    /// exit status is that of the run without strace.
    ///
    /// # Errors
    /// An unknown name; strace is missing or may not trace; the claim could not be run.
    pub fn run(self, register: &Register) -> Result<u8> {
        let (_, claim) = runner::find_claim(register, &self.id)?;
        if let Some(reason) = reason_against(claim.id) {
            print_note(&format!("{} cannot be traced: {reason}", claim.id));
            return Ok(4);
        }
        require_strace()?;
        let witness = Witness::at(&std::env::current_exe().context("the path of this program")?);
        let lesson = Lesson::of(claim);
        let calls = lesson.calls();
        let (_, recording) = record_with(lesson.options, &witness, claim.id, calls)?;
        let width = terminal_width().unwrap_or(WIDTH_UNKNOWN);
        let program = runner::program_name("witness", width);
        print(&render::trace(claim, &lesson, &recording, &program, width))?;
        let run = program::run(
            witness.show(claim.id).env("COLUMNS", width.to_string()),
            LIMIT,
        )?;
        print(&render::figures(&run.stdout, width))?;
        print_note(run.stderr.trim_end());
        let status = run.status.code().and_then(|code| u8::try_from(code).ok());
        status.context("the run without strace was killed")
    }
}
