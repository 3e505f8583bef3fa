//! Descriptors, open file descriptions, sockets, ports and fork: the claims of this topic.

pub mod claims;
mod flock;
mod network;
mod scm_rights;
mod threaded;

use claim::Topic;

/// The topic, its claims in the order in which they are best read.
pub const TOPIC: Topic = Topic::new(
    "open-files",
    "descriptors, open file descriptions, inodes and sockets",
    claims::ALL,
);
