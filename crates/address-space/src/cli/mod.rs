//! The tools of this topic, a file each: its arguments, and the library call they turn into.

mod inspect;
mod record;
mod replay;
mod system;

use anyhow::Result;
use clap::Subcommand;
use runner::Tools;

/// A tool of this topic.
#[derive(Subcommand)]
pub enum Tool {
    /// Run a trace of allocations through every placement policy and page size
    Replay(replay::Arguments),
    /// Record a program's allocations for replay (with valgrind)
    Record(record::Arguments),
    /// Look at a living process: map, waste, holes, heap, frames
    Inspect(inspect::Arguments),
    /// Look at the machine's free memory by order, and at its huge pages
    System(system::Arguments),
}

impl Tools for Tool {
    const ABOUT: &'static str =
        "Segmentation, paging and both kinds of fragmentation, with real memory";
    const EXAMPLES: &'static str = "\
address-space claims                      this topic's claims
address-space replay --generate segments  one load, all policies
address-space record -- ls -lR /usr | address-space replay -
address-space inspect $$                  the memory of this shell
address-space system                      free memory by order";

    fn run(self) -> Result<u8> {
        match self {
            Tool::Replay(arguments) => replay::run(&arguments),
            Tool::Record(arguments) => record::run(&arguments),
            Tool::Inspect(arguments) => inspect::run(&arguments),
            Tool::System(arguments) => system::run(&arguments),
        }
    }
}
