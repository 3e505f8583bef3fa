//! The subcommands: what they take, what they print, how they end.

mod herd;
mod serve;

use std::ops::RangeInclusive;

use anyhow::Result;
use clap::Subcommand;
use prefork::strategies;
use runner::Tools;

/// The most workers of a run: each is a process.
const WORKERS: RangeInclusive<u32> = 1..=4096;

/// Lengths of the accept queue that listen(2) takes.
const BACKLOG: RangeInclusive<i32> = 0..=i32::MAX;

/// A tool of this topic.
#[derive(Subcommand)]
pub enum Tool {
    /// Measure how many workers wake for a connection, and what that costs
    Herd(herd::HerdArgs),
    /// Serve connections with pre-forked workers
    Serve(serve::ServeArgs),
}

impl Tools for Tool {
    const ABOUT: &'static str =
        "The accept queue, wake-one and the thundering herd on the kernel that runs";
    const EXAMPLES: &'static str = "\
accept-queue claims                                this topic's claims
accept-queue herd --workers 2,8 --connections 100  who wakes, and what it costs
accept-queue herd --strategy blocking --assert 'wakeups<=1.01'
accept-queue serve --strategy epoll-exclusive      a server with four workers";

    fn run(self) -> Result<u8> {
        match self {
            Tool::Herd(herd) => herd.run(),
            Tool::Serve(serve) => serve.run(),
        }
    }
}

/// The names that `--strategy` takes.
fn strategy_names() -> impl Iterator<Item = &'static str> {
    strategies::ALL.iter().map(|strategy| strategy.name)
}
