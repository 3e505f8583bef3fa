//! The pre-forked server of the notes: workers forked before the first connection, one address, a
//! parent that only looks after them.

mod protocol;
mod report;
mod supervisor;

pub use protocol::Protocol;
pub use report::report;
pub use supervisor::{Event, Options, serve};
