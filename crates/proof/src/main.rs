//! The command `proof`: tries the claims from outside.
#![expect(clippy::disallowed_types, reason = "this is a command line")]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::inherited::reset();
    cli::main()
}
