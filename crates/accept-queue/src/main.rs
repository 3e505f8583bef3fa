//! The command `accept-queue`: parse, run, exit status.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::topic_main::<cli::Tool>(accept_queue::TOPIC)
}
