//! The `address-space` command: arguments in, one library call, text out.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the one place of this crate that prints"
)]

mod commands;

use std::process::ExitCode;

use anyhow::Result;
use claim::Register;
use clap::Parser;
use runner::RunArgs;

/// Segmentation, paging and both kinds of fragmentation, with real memory.
#[derive(Parser)]
#[command(version, propagate_version = true)]
enum Cli {
    /// Run this topic's claims and tell what became of each
    Claims(RunArgs),
    /// Run this topic's claims with experiment and control exchanged: every verdict must turn
    Selftest {
        /// Claims to test; all where none is named
        #[arg(value_name = "ID")]
        ids: Vec<String>,
    },
    /// Run a trace of allocations through every placement policy and page size
    Replay(commands::replay::Arguments),
    /// Record a program's allocations for replay (with valgrind)
    Record(commands::record::Arguments),
    /// Look at a living process: map, waste, holes, heap, frames
    Inspect(commands::inspect::Arguments),
    /// Look at the machine's free memory by order, and at its huge pages
    System(commands::system::Arguments),
}

fn main() -> ExitCode {
    runner::finish(dispatch(Cli::parse()))
}

fn dispatch(cli: Cli) -> Result<u8> {
    let register = Register::new(&[address_space::TOPIC])?;
    match cli {
        Cli::Claims(run) => run.run(&register),
        Cli::Selftest { ids } => runner::selftest(&register, &ids),
        Cli::Replay(arguments) => commands::replay::run(&arguments),
        Cli::Record(arguments) => commands::record::run(&arguments),
        Cli::Inspect(arguments) => commands::inspect::run(&arguments),
        Cli::System(arguments) => commands::system::run(&arguments),
    }
}
