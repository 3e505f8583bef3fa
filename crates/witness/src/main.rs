//! The tour: every claim about the kernel that runs.

use std::process::ExitCode;

use anyhow::Result;
use claim::Register;
use clap::{Parser, Subcommand};
use runner::{Generate, RunArgs, SelftestArgs};

/// Watch your own kernel keep, or break, what the operating-systems textbook says.
///
/// Each claim is a small experiment with real system calls. It predicts a number, measures it, and
/// measures a control that must come out the other way. Without a command, all claims run.
///
/// Exit status: 0 all hold, 1 one was refuted, 2 an error, 4 one was not measured and --strict was
/// given.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Run claims and tell what became of each
    Run(RunArgs),
    /// List all claims
    List,
    /// Tell what a claim says, how it is measured, and what its control is
    Explain {
        /// The claim
        id: String,
    },
    /// Run claims with experiment and control exchanged: every verdict must turn
    Selftest(SelftestArgs),
    /// Print a man page or shell completions
    Generate(Generate),
}

fn main() -> ExitCode {
    runner::finish(dispatch(Cli::parse()))
}

fn dispatch(cli: Cli) -> Result<u8> {
    let register = Register::new(&[
        open_files::TOPIC,
        accept_queue::TOPIC,
        spinlock::TOPIC,
        address_space::TOPIC,
    ])?;
    match cli.command {
        None => cli.run.run(&register),
        Some(Command::Run(run)) => run.run(&register),
        Some(Command::List) => runner::list(&register),
        Some(Command::Explain { id }) => runner::explain(&register, &id),
        Some(Command::Selftest(selftest)) => selftest.run(&register),
        Some(Command::Generate(generate)) => generate.run::<Cli>(),
    }
}
