//! The `address-space` command: arguments in, one library call, text out.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the one place of this crate that prints"
)]

mod cli;

use std::process::ExitCode;

use anyhow::Result;
use claim::Register;
use clap::Parser;
use runner::{Generate, RunArgs, SelftestArgs};

/// Segmentation, paging and both kinds of fragmentation, with real memory.
#[derive(Parser)]
#[command(version, propagate_version = true)]
enum Cli {
    /// Run this topic's claims and tell what became of each
    Claims(RunArgs),
    /// Run this topic's claims with experiment and control exchanged: every verdict must turn
    Selftest(SelftestArgs),
    /// Run a trace of allocations through every placement policy and page size
    Replay(cli::replay::Arguments),
    /// Record a program's allocations for replay (with valgrind)
    Record(cli::record::Arguments),
    /// Look at a living process: map, waste, holes, heap, frames
    Inspect(cli::inspect::Arguments),
    /// Look at the machine's free memory by order, and at its huge pages
    System(cli::system::Arguments),
    /// Print a man page or shell completions
    Generate(Generate),
}

fn main() -> ExitCode {
    runner::finish(dispatch(Cli::parse()))
}

fn dispatch(cli: Cli) -> Result<u8> {
    let register = Register::new(&[address_space::TOPIC])?;
    match cli {
        Cli::Claims(run) => run.run(&register),
        Cli::Selftest(selftest) => selftest.run(&register),
        Cli::Replay(arguments) => cli::replay::run(&arguments),
        Cli::Record(arguments) => cli::record::run(&arguments),
        Cli::Inspect(arguments) => cli::inspect::run(&arguments),
        Cli::System(arguments) => cli::system::run(&arguments),
        Cli::Generate(generate) => generate.run::<Cli>(),
    }
}
