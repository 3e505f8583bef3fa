//! The command line that the binaries share: the same words, the same help, the same statuses.
//!
//! [`topic_main`] is the whole of a topic's `main`, [`claims_main`] that of one without tools,
//! [`tour_main`] that of the tour. What a topic has beside the shared words is its [`Tools`].
#![expect(
    clippy::disallowed_types,
    reason = "the command line that all binaries share"
)]

mod ask;
mod diff;
mod exit;
mod help;
mod known;
mod list;
mod numbers;
mod report;
mod run;
pub(crate) mod select;
mod selftest;
mod shared;
mod topic;
mod tour;

pub use known::{KnownNames, known_names};
pub use numbers::{byte_size, number, whole_number};
pub use select::claim as find_claim;
pub use topic::{Tools, claims_main, topic_main};
pub use tour::{TourTools, tour_main};
