#![doc = include_str!("../README.md")]

mod ask;
mod called;
mod cli;
mod diff;
mod isolate;
#[cfg(any(test, fuzzing))]
pub mod laws;
mod machine;
mod missing;
mod output;
mod quiet;
mod refusal;
mod render;
mod saved;

pub use ask::{Question, check_questions};
pub use called::program_name;
pub use cli::{
    KnownNames, Tools, TourTools, byte_size, claims_main, find_claim, known_names, number,
    topic_main, tour_main, whole_number,
};
pub use isolate::{Isolation, require_own_proc};
pub use render::page::{Companions, Draw, Missing, Panel, Picture, Rows, Run, Seen};
