//! The command `witness`, the tour: every claim about the kernel that runs.

mod questions;

use std::process::ExitCode;

use claim::Topic;

const TOPICS: &[Topic] = &[
    open_files::TOPIC,
    accept_queue::TOPIC,
    spinlock::TOPIC,
    address_space::TOPIC,
];

fn main() -> ExitCode {
    runner::tour_main(TOPICS, &questions::all())
}
