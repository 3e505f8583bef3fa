//! The ladder: the same tour on every rung, each rung a process that lacks something.
//!
//! A rung is made inside a process of its own, from steps that need nothing but system calls: of
//! the host nothing is changed. `proof rung NAME -- PROGRAM` makes one and runs a program on it.

mod allowed;
mod climb;
mod company;
mod group;
mod limits;
mod mounts;
mod namespaces;
mod refusal;
mod rungs;
mod start;
mod step;
mod user;

pub use allowed::Allowed;
pub use climb::{Climb, Record};
pub use company::{BusyLoops, Company};
pub use rungs::{Rung, rungs};
pub use start::{CANNOT_BE_MADE, run};
