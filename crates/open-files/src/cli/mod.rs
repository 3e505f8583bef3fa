//! The tools of this topic: what they take, what they print, how they end.

mod map;

use anyhow::Result;
use clap::Subcommand;
use runner::Tools;

/// A tool of this topic.
#[derive(Subcommand)]
pub enum Tool {
    /// Map real processes: which of their descriptors are one open file description
    Map(map::MapArgs),
}

impl Tools for Tool {
    const ABOUT: &'static str =
        "Descriptors, open file descriptions, inodes and sockets of the kernel that runs";
    const EXAMPLES: &'static str = "\
open-files claims offset  one claim, with every number
open-files map --shared   what the processes here share
open-files map $$ --json  the descriptors of this shell, for programs";

    fn run(self) -> Result<u8> {
        match self {
            Tool::Map(map) => map.run(),
        }
    }
}
