//! The command `witness`, the tour: every claim about the kernel that runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::tour_main(&[
        open_files::TOPIC,
        accept_queue::TOPIC,
        spinlock::TOPIC,
        address_space::TOPIC,
    ])
}
