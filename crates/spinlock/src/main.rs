//! The command `spinlock`: parse, run, exit status.
#![expect(clippy::disallowed_types, reason = "this is a command line")]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Registers with membarrier while there is one thread: later, the first unlock would pay for
    // it.
    locks::barriers();
    runner::topic_main::<cli::Tool>(spinlock::TOPIC)
}
