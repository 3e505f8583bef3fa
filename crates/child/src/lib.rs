//! The one place that forks.
//!
//! [`fork`] starts a child that runs a closure and answers with its value. Parent and child talk
//! over a socket pair of their own: either side sends and receives values, and the child can hold
//! at a [`Parent::checkpoint`] while the parent inspects the state that it made.
//!
//! What is promised:
//! - every wait for a child ends: at [`LIMIT`], or at the limit that [`Child::limit`] sets; a child
//!   waits for its parent as long as that lives;
//! - a child never outlives its parent (`PR_SET_PDEATHSIG`), however the parent ends;
//! - a [`Child`] that is dropped is killed and reaped; its exit status is always read;
//! - a child that fails, panics or is killed becomes an [`Error`] that names it;
//! - a process with more than one thread is not forked.
//!
//! ```no_run
//! let mut reader = child::fork("reader", |parent| {
//!     parent.checkpoint()?; // held here until the parent has looked
//!     Ok(6 * 7)
//! })?;
//! reader.at_checkpoint()?;
//! println!("look into /proc/{}", reader.pid());
//! reader.release()?;
//! assert_eq!(reader.join()?, 42);
//! # Ok::<(), child::Error>(())
//! ```

mod child;
mod clock;
mod error;
mod fork;
mod link;
mod network;
mod orphans;
mod parent;
mod pidfd;
mod signals;
mod single_threaded;

pub use child::Child;
pub use error::{BoxError, Error, ErrorKind};
pub use fork::{Descriptors, fork, fork_by_clone, fork_with};
pub use orphans::{adopt_orphans, end_orphans};
pub use parent::Parent;
pub use signals::HeldSignals;
pub use single_threaded::SingleThreaded;

use std::time::Duration;

/// How long a wait for a child lasts unless [`Child::limit`] says otherwise: long enough that only
/// a child that hangs meets it, on a busy machine too.
pub const LIMIT: Duration = Duration::from_secs(25);
