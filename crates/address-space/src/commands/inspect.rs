//! `address-space inspect`.

use std::path::PathBuf;

use address_space::inspect::{self, svg::svg, text::text};
use anyhow::{Context, Result};
use clap::Args;

use super::emit;

/// Which process, and how to show it.
#[derive(Args)]
#[command(after_help = "\
Nothing is written and the process is not stopped. One's own processes can be inspected where
kernel.yama.ptrace_scope is 0; others, and frame numbers, need root.")]
pub struct Arguments {
    /// The process
    #[arg(value_parser = clap::value_parser!(i32).range(1..))]
    pid: i32,
    /// List every mapping
    #[arg(long)]
    maps: bool,
    /// Write the report as JSON (sizes in bytes, shares 0 to 1)
    #[arg(long)]
    json: bool,
    /// Draw the map into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Runs the subcommand.
pub fn run(arguments: &Arguments) -> Result<u8> {
    let report = inspect::inspect(arguments.pid)?;
    if let Some(path) = &arguments.svg {
        std::fs::write(path, svg(&report)).with_context(|| format!("write {}", path.display()))?;
    }
    emit(arguments.json, &report, || text(&report, arguments.maps))?;
    Ok(0)
}
