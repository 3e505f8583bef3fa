#![doc = include_str!("../README.md")]

mod child;
mod clock;
mod error;
mod fork;
#[cfg(any(test, fuzzing))]
pub mod laws;
mod life;
mod link;
mod network;
mod orphans;
mod parent;
mod signals;
mod single_threaded;

pub use child::Child;
pub use clock::stretch;
pub use error::{BoxError, Error, ErrorKind, find_operation};
pub use fork::{Descriptors, fork, fork_by_clone, fork_with};
pub use network::OwnNetwork;
pub use orphans::{adopt_orphans, end_orphans};
pub use parent::Parent;
pub use signals::HeldSignals;
pub use single_threaded::SingleThreaded;

use std::time::Duration;

/// How long a wait for a child lasts unless [`Child::limit`] says otherwise: long enough that only
/// a child that hangs meets it, on a busy machine too.
pub const LIMIT: Duration = Duration::from_secs(25);
