//! Pre-forked workers that accept from one address: the strategies by which they wait, and a server
//! under them.

pub mod counts;
pub mod limits;
pub mod listen;
pub mod server;
pub mod shared;
pub mod strategies;
pub mod tally;

pub use counts::{Counts, Snapshot};
pub use limits::{NoStart, room_for};
pub use listen::{Empty, Site};
pub use tally::{Detail, now_ns};
