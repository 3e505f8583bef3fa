//! The command `address-space`: parse, run, exit status.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::topic_main::<cli::Tool>(address_space::TOPIC)
}
