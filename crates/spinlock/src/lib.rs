//! Test-and-set and its family measured: the claims of this topic, and its tools.
//!
//! The locks themselves are the crate [`locks`].
//!
//! - [`compare`]: the contention harness; measuring and rendering apart.
//! - [`doctor`]: what waiting costs here, and which lock follows from it.
//! - [`handover`]: a robust mutex whose holder is killed.
//! - [`claims`]: what the notes say about test-and-set, put to the test.

pub mod claims;
pub mod compare;
pub mod doctor;
pub mod handover;
#[cfg(any(test, fuzzing))]
pub mod laws;
mod partial;
pub mod promises;

use claim::Topic;
pub use partial::PartialMeasurement;

/// The topic, its claims in the order in which they are best read.
pub const TOPIC: Topic = Topic::new(
    "spinlock",
    "test-and-set, its family, and what busy waiting costs",
    claims::ALL,
)
.with_chapter("docs/spinlock.md");
