//! A pre-forked server: workers forked before the first connection, one address, and a parent that
//! only looks after the workers.

#[cfg(any(test, fuzzing))]
pub mod laws;
mod places;
mod protocol;
mod supervisor;

pub use places::{WorkerPlace, places_table};
pub use protocol::{Handler, Protocol};
pub use supervisor::{ServerEvent, ServerOptions, serve};
