//! The command `address-space`: parse, run, exit status.
#![expect(clippy::disallowed_types, reason = "this is a command line")]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::topic_main::<cli::Tool>(address_space::TOPIC)
}
