//! The accept queue, wake-one and the thundering herd: the strategies by which several processes
//! accept from one address, the meter that counts what the kernel does for each connection, a
//! pre-forked server, and the claims of this topic.

pub mod claims;
mod client;
mod counts;
mod cpu;
pub mod herd;
pub mod interrupt;
mod limits;
mod listen;
pub mod server;
mod shared;
pub mod strategies;
mod tally;
mod worker;
mod workers;

pub use client::{Client, End, end};
pub use counts::{Counts, Snapshot};
pub use limits::{NoStart, room_for};
pub use listen::{Empty, Site};
pub use tally::{Detail, now_ns};
pub use workers::Workers;

use claim::Topic;

/// The topic, its claims in the order in which they are best read.
pub const TOPIC: Topic = Topic::new(
    "accept-queue",
    "the accept queue, wake-one and the thundering herd",
    claims::ALL,
);
