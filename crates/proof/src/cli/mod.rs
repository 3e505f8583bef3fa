//! The command line of `proof`: a subcommand a trial, each in a file of its own.

mod chaos;
mod help;
mod inject;
mod ladder;
mod lie;
mod lies;
mod mutant;
mod record;
mod rung;
mod sabotage;
mod tours;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use harness::interrupt::{Interrupt, Interrupted};
use manual::{Generate, HELP_OF_GENERATE, with_own_names};
use proof::remains::await_descendants;
use proof::witness::Witness;

/// Tries the claims from outside: each trial runs `witness` in surroundings that are wrong on
/// purpose.
#[derive(Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
#[command(arg_required_else_help = true, after_long_help = help::HELP_OF_PROOF)]
struct Arguments {
    #[command(subcommand)]
    trial: Trial,
}

/// A trial, each in a file of this folder.
#[derive(Subcommand)]
enum Trial {
    /// Record each claim with strace, and look for the acts that it announces
    #[command(after_long_help = help::HELP_OF_RECORD)]
    Record(record::RecordArgs),
    /// Run one program on a kernel that refuses calls, or lies
    #[command(after_long_help = help::HELP_OF_LIE)]
    Lie(lie::LieArgs),
    /// Lie to each claim about the calls that it makes
    #[command(after_long_help = help::HELP_OF_LIES)]
    Lies(lies::LiesArgs),
    /// Run the claims on every rung: as other users, with calls refused, under limits
    #[command(after_long_help = help::HELP_OF_LADDER)]
    Ladder(ladder::LadderArgs),
    /// Make one rung of the ladder, and become a program on it
    #[command(after_long_help = help::HELP_OF_RUNG)]
    Rung(rung::RungArgs),
    /// Let each claim's own calls fail, one at a time
    #[command(after_long_help = help::HELP_OF_INJECT)]
    Inject(inject::InjectArgs),
    /// Kill and stop runs at random moments: nothing may be left
    #[command(after_long_help = help::HELP_OF_CHAOS)]
    Chaos(chaos::ChaosArgs),
    /// Run many tours: one after the other, beside busy loops, and at once
    #[command(after_long_help = help::HELP_OF_TOURS)]
    Tours(tours::ToursArgs),
    /// Change one line of a kernel's source, and judge the run on that kernel
    #[command(after_long_help = help::HELP_OF_MUTANT)]
    Mutant(mutant::MutantArgs),
    /// Remove or weaken each act in the sources: the claim must notice
    #[command(after_long_help = help::HELP_OF_SABOTAGE)]
    Sabotage(sabotage::SabotageArgs),
    /// Print manual pages or shell completions
    #[command(after_long_help = HELP_OF_GENERATE)]
    Generate(Generate),
}

/// Runs the trial that the command line names. Exit status: 0 where no claim said what it should
/// not, 1 where one did, 2 for bad usage or a trial that could not be made, 128 + n where signal n
/// ended it.
pub(crate) fn main() -> ExitCode {
    let command = with_own_names(Arguments::command(), &[("{status}", help::STATUS)]);
    let matches = command.clone().get_matches();
    let arguments = Arguments::from_arg_matches(&matches);
    let Arguments { trial } = arguments.unwrap_or_else(|error| error.exit());
    let result: Result<u8> = match trial {
        Trial::Record(arguments) => arguments.run(),
        Trial::Lie(arguments) => arguments.run(),
        Trial::Lies(arguments) => arguments.run(),
        Trial::Ladder(arguments) => arguments.run(),
        Trial::Rung(arguments) => arguments.run(),
        Trial::Inject(arguments) => arguments.run(),
        Trial::Chaos(arguments) => arguments.run(),
        Trial::Tours(arguments) => arguments.run(),
        Trial::Mutant(arguments) => arguments.run(),
        Trial::Sabotage(arguments) => arguments.run(),
        Trial::Generate(generate) => generate.run(command),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            present::print_note(&format!("proof: {error:#}"));
            let signal = error.downcast_ref::<Interrupted>();
            ExitCode::from(signal.map_or(2, |signal| signal.exit_status()))
        }
    }
}

/// Makes this process the one that inherits orphans, and runs a trial that asks now and then
/// whether a signal has come. Where it fails, nothing that it started is left.
fn begin(trial: impl FnOnce(&Interrupt) -> Result<u8>) -> Result<u8> {
    child::adopt_orphans()?;
    let interrupt = Interrupt::catch()?;
    let result = trial(&interrupt);
    if result.is_err() {
        await_descendants()?;
    }
    result
}

/// Where the journal of the trial `name` lies: beside this program.
fn journal_path(name: &str) -> PathBuf {
    let own = env::current_exe().unwrap_or_default();
    own.with_file_name(format!("proof-{name}.journal"))
}

/// The program on trial: the one at `path`, or `witness` beside this program.
fn witness_at(path: Option<&Path>) -> Result<Witness> {
    match path {
        Some(path) => Ok(Witness::at(path)),
        None => Witness::beside_this_program(),
    }
}
