//! How many workers this process may have, asked before the first is forked.

use harness::limits::room_for_descriptors;

use crate::error::{Error, ErrorKind};

/// Makes sure, before anything is forked, that this process may hold the descriptors that `workers`
/// workers need, [`descriptors_for`] of them. Raises the soft limit RLIMIT_NOFILE where it must.
///
/// # Errors
/// [`ErrorKind::NoRoom`] with EMFILE; the message says which limit stands in the way.
pub fn ensure_room_for(workers: usize) -> Result<(), Error> {
    room_for_descriptors(descriptors_for(workers)).map_err(|error| {
        let object = format!("{workers} workers");
        Error::new(ErrorKind::NoRoom, "make room for", object, error)
    })
}

/// The descriptors that the parent of `workers` workers holds: a link, a pidfd, a wait channel and
/// perhaps a listening socket for each, and 64 that a process holds anyway.
#[must_use]
pub fn descriptors_for(workers: usize) -> u64 {
    4 * workers as u64 + 64
}
