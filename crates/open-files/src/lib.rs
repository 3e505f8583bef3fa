#![doc = include_str!("../README.md")]

pub mod claims;
mod evidence;
mod held_child;
pub mod promises;
mod scm_rights;
mod second_thread;
mod tables;

use claim::Topic;

/// The topic, its claims in the order in which they are best read.
pub const TOPIC: Topic = Topic::new(
    "open-files",
    "descriptors, open file descriptions, inodes and sockets",
    claims::ALL,
)
.with_chapter("docs/open-files.md");
