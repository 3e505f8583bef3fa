//! `address-space inspect`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use inspect::svg::svg;
use inspect::text::text;
use present::{OutputFile, ensure_apart, print_document, terminal_width};
use runner::whole_number;

/// The largest process id that Linux gives (`PID_MAX_LIMIT`, proc_sys_kernel(5)).
const MAX_PID: i32 = 1 << 22;

/// Which process, and how to show it.
#[derive(Args)]
#[command(after_long_help = "\
Nothing is written and the process is not stopped. Your own processes can be
inspected, their heap where kernel.yama.ptrace_scope is 0; others, and frame
numbers, need root.

Exit status:
  0  the report was printed; what was not seen stands at its end
  2  there is no such process, it may not be looked into, or output could not
     be written

Examples:
  address-space inspect $$
  address-space inspect $$ --maps --svg map.svg")]
pub struct Arguments {
    /// The process
    #[arg(value_name = "PID", value_parser = whole_number(1..=MAX_PID))]
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
    ensure_apart(&[("--svg", arguments.svg.as_deref())])?;
    let svg_file = arguments.svg.as_deref().map(OutputFile::at).transpose()?;
    let report = inspect::inspect(arguments.pid)?;
    let drawn = svg_file.map_or(Ok(()), |file| file.write(&svg(&report)));
    print_document(arguments.json, &report, || {
        text(&report, arguments.maps, terminal_width())
    })?;
    drawn?;
    Ok(0)
}
