//! The command `proof`: tries the claims from outside.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
