//! The command line of this topic.

mod cli;

use std::process::ExitCode;

use anyhow::Result;
use claim::Register;
use clap::Parser;
use runner::{Generate, RunArgs};

/// The accept queue, wake-one and the thundering herd on the kernel that runs.
///
/// Exit status: 0 done, 1 a claim was refuted or an assertion broken, 2 an error, 4 a claim was not
/// measured and --strict was given, 130 interrupted.
#[derive(Parser)]
#[command(version)]
enum Cli {
    /// Run this topic's claims and tell what became of each
    Claims(RunArgs),
    /// Measure how many workers wake for a connection, and what that costs
    Herd(cli::HerdArgs),
    /// Serve connections with pre-forked workers
    Serve(cli::ServeArgs),
    /// Print a man page or shell completions
    Generate(Generate),
}

fn main() -> ExitCode {
    runner::finish(dispatch(Cli::parse()))
}

fn dispatch(cli: Cli) -> Result<u8> {
    match cli {
        Cli::Claims(run) => run.run(&Register::new(&[accept_queue::TOPIC])?),
        Cli::Herd(herd) => herd.run(),
        Cli::Serve(serve) => serve.run(),
        Cli::Generate(generate) => generate.run::<Cli>(),
    }
}
