//! Runs claims, each in a child of its own, and holds the command line that the binaries share.
//!
//! A claim that breaks the descriptor table, dies or hangs takes nothing with it: its child is
//! killed at the claim's limit, what it left running is ended, and the rest goes on.

mod cli;
mod isolate;
mod output;
mod quiet;
mod refusal;
mod render;

pub use cli::{KnownNames, Tools, known_names, number, topic_main, tour_main, whole_number};
pub use isolate::{Isolation, require_own_proc};
