//! The command `witness`, the tour: every claim about the kernel that runs.
#![expect(clippy::disallowed_types, reason = "the command line of a binary")]

mod pictures;
mod questions;
mod strace;

use std::process::ExitCode;

use anyhow::Result;
use claim::{Claim, Register, Topic};
use clap::Subcommand;
use runner::Companions;

/// What the tour has beside the words of every binary.
#[derive(Subcommand)]
enum Tools {
    /// Run a claim under strace, and explain the system calls of experiment and control
    ///
    /// The calls stand in the order in which they were entered, each with the process that made
    /// it; above the first of a kind stands what it does. Calls of several processes that are alike
    /// are counted in one line, and a call that never returned ends with <unfinished ...>. The
    /// figures below come from a run without strace.
    #[command(after_long_help = strace::HELP)]
    Strace(strace::StraceArgs),
}

impl runner::TourTools for Tools {
    fn run(self, register: &Register) -> Result<u8> {
        match self {
            Tools::Strace(strace) => strace.run(register),
        }
    }
}

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
    Topic::new("promises", "what newer kernels promise", PROMISES)
        .with_chapter("docs/promises.md")
        .beside_the_tour(),
];

fn main() -> ExitCode {
    let companions = Companions {
        left_out: &[],
        questions: &questions::all(),
        pictures: &pictures::ALL,
    };
    runner::tour_main::<Tools>(TOPICS, companions)
}
