//! `proof record`: each act that a claim announces must be seen in a trace of it.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use present::foreign_text::escape_lines;
use present::print;
use proof::record::{Arm, Findings, Recorded, check, reason_against};

use super::witness_at;

/// Options of a recording.
#[derive(Args)]
pub(super) struct RecordArgs {
    /// Claims to record; all where none is named
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// The program whose claims are recorded [default: witness, beside this program]
    #[arg(long, value_name = "PATH")]
    witness: Option<PathBuf>,
    /// Print the recorded calls, too
    #[arg(long)]
    calls: bool,
}

impl RecordArgs {
    /// Runs each claim under strace and says which of its acts were seen. Status 1 where one was
    /// not, or where the control did what it must leave out.
    ///
    /// # Errors
    /// No strace, no such program, no such claim.
    pub(super) fn run(&self) -> Result<u8> {
        let witness = witness_at(self.witness.as_deref())?;
        let mut status = 0;
        for claim in witness.claims(&self.ids)? {
            if let Some(reason) = reason_against(&claim.id) {
                print(&format!("{:<32} not recorded: {reason}\n", claim.id))?;
                continue;
            }
            let findings = check(&witness, &claim)?;
            let Findings {
                acts,
                faults,
                verdict,
                recording,
            } = findings;
            let verdict = verdict.name().replace('_', " ");
            let mut text = match acts {
                0 => format!(
                    "{:<32} announces no call; {verdict} under strace\n",
                    claim.id
                ),
                _ => format!(
                    "{:<32} {acts} acts looked for, {} faults; {verdict} under strace\n",
                    claim.id,
                    faults.len()
                ),
            };
            for fault in &faults {
                status = 1;
                // Writing to a String cannot fail.
                let _ = writeln!(text, "  {}", escape_lines(fault));
            }
            for arm in [Arm::Experiment, Arm::Control] {
                for Recorded { who, call } in recording.calls(arm).filter(|_| self.calls) {
                    let (arm, call) = (arm.name(), format!("{}({}", call.name, call.text));
                    let _ = writeln!(text, "  {arm:<10}  {who:<15}  {}", escape_lines(&call));
                }
            }
            print(&text)?;
        }
        Ok(status)
    }
}
