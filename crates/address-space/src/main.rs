//! The `address-space` command: arguments in, one library call, text out.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the one place of this crate that prints"
)]

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Segmentation, paging and both kinds of fragmentation, with real memory.
#[derive(Parser)]
#[command(version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a trace of allocations through every placement policy and page size
    Replay(commands::replay::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Replay(arguments) => commands::replay::run(&arguments),
    };
    commands::exit_status(result)
}
