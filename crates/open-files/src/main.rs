//! The command line of this topic.

use std::process::ExitCode;

use claim::Register;
use clap::Parser;
use runner::RunArgs;

/// Descriptors, open file descriptions, inodes and sockets of the kernel that runs.
#[derive(Parser)]
#[command(version)]
enum Cli {
    /// Run this topic's claims and tell what became of each
    Claims(RunArgs),
}

fn main() -> ExitCode {
    let Cli::Claims(run) = Cli::parse();
    runner::finish(
        Register::new(&[open_files::TOPIC])
            .map_err(Into::into)
            .and_then(|r| run.run(&r)),
    )
}
