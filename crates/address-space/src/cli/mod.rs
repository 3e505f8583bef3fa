//! The tools of this topic, a file each: its arguments, and the library call they turn into.
//! [`same_file`] is theirs.

mod inspect;
mod record;
mod replay;
mod same_file;
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

/// The most bytes that a size may name: what an address of 47 bits reaches, a process's memory.
const MAX_BYTES: u64 = 1 << 47;

/// `4096`, `64K`, `1.5M`, `2G`: bytes in binary units.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        unit => return Err(format!("unknown unit {unit}; known are K, M, G and T")),
    };
    let value: f64 = digits
        .parse()
        .map_err(|_| format!("{text} is no number of bytes"))?;
    let size = value * factor as f64;
    if !(1.0..=MAX_BYTES as f64).contains(&size) {
        return Err("it takes a size from 1 byte to 128 TiB".into());
    }
    Ok(size as u64)
}
