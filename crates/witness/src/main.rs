//! The command `witness`, the tour: every claim about the kernel that runs.

mod questions;

use std::process::ExitCode;

use claim::{Claim, Topic};

/// The claims about what newer kernels promise, beside the tour.
const PROMISES: &[Claim] = &[
    open_files::promises::QUERY_TELLS_DUPLICATES,
    spinlock::promises::SLICE_LETS_THE_HOLDER_FINISH,
    spinlock::promises::ROBUST_UNLOCK,
    address_space::promises::SCAN_HANDS_OVER_WRITTEN_PAGES,
    address_space::promises::GUARD_NEEDS_NO_MAPPING,
];

const TOPICS: &[Topic] = &[
    open_files::TOPIC,
    accept_queue::TOPIC,
    spinlock::TOPIC,
    address_space::TOPIC,
    Topic::new("promises", "what newer kernels promise", PROMISES).beside_the_tour(),
];

fn main() -> ExitCode {
    runner::tour_main(TOPICS, &questions::all())
}
