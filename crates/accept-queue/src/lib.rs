//! The accept queue, wake-one and the thundering herd: the strategies by which several processes
//! accept from one address, the meter that counts what the kernel does for each connection, a
//! pre-forked server, and the claims of this topic.

pub mod claims;
mod client;
mod counts;
mod error;
pub mod herd;
mod worker;
mod workers;

pub use client::{Client, End, wait_for_close};
pub use error::Error;
#[cfg(any(test, fuzzing))]
pub use herd::laws;
pub use workers::Workers;

use claim::Topic;

/// The topic, its claims in the order in which they are best read.
pub const TOPIC: Topic = Topic::new(
    "accept-queue",
    "the accept queue, wake-one and the thundering herd",
    claims::ALL,
)
.with_chapter("docs/accept-queue.md");
