//! The command line of `proof`: a subcommand a trial, each in a file of its own.

mod record;
mod sabotage;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use proof::witness::Witness;

/// Tries the claims from outside: each trial runs `witness` in surroundings that are wrong on
/// purpose.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    trial: Trial,
}

/// A trial, each in a file of this folder.
#[derive(Subcommand)]
enum Trial {
    /// Record each claim with strace, and look for the acts that it announces
    Record(record::RecordArgs),
    /// Remove or weaken each act in the sources: the claim must notice
    Sabotage(sabotage::SabotageArgs),
}

/// Runs the trial that the command line names. Exit status: 0 where no claim said what it should
/// not, 1 where one did, 2 for bad usage or a trial that could not be made.
pub(crate) fn main() -> ExitCode {
    let Arguments { trial } = Arguments::parse();
    let result: Result<u8> = match trial {
        Trial::Record(arguments) => arguments.run(),
        Trial::Sabotage(arguments) => arguments.run(),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            present::print_note(&format!("proof: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// The program on trial: the one at `path`, or `witness` beside this program.
fn witness_at(path: Option<&Path>) -> Result<Witness> {
    match path {
        Some(path) => Ok(Witness::at(path)),
        None => Witness::beside_this_program(),
    }
}
