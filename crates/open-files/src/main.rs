//! The command `open-files`: parse, run, exit status.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::topic_main::<cli::Tool>(open_files::TOPIC)
}
