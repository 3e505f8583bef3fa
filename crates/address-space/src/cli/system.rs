//! `address-space system`.

use anyhow::Result;
use clap::Args;
use inspect::system::{system, text};
use present::{print_document, terminal_width};

/// How to show it.
#[derive(Args)]
#[command(after_long_help = "\
Exit status:
  0  the report was printed; what was not seen stands at its end
  2  /proc could not be read, or output could not be written

Examples:
  address-space system
  address-space system --json")]
pub struct Arguments {
    /// Write the report as JSON (sizes in bytes, shares 0 to 1)
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
pub fn run(arguments: &Arguments) -> Result<u8> {
    let report = system()?;
    print_document(arguments.json, &report, || text(&report, terminal_width()))?;
    Ok(0)
}
