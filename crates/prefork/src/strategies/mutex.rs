//! What the accept mutexes have in common: the worker that holds the lock sleeps in accept, the
//! others sleep in the lock.

use std::net::TcpListener;

use nix::errno::Errno;

use super::{Wait, accept};
use crate::error::Error;
use crate::tally::Turn;

/// A lock between processes.
pub(super) trait Lock {
    /// Sleeps until this process holds the lock, runs `section`, and unlocks.
    ///
    /// # Errors
    /// EINTR where a signal ended the sleep; that of the lock, whose `section` may have run then.
    fn with_lock<T>(&mut self, section: impl FnOnce() -> T) -> Result<T, Errno>;
}

/// Lock, accept, unlock, serve.
pub(super) struct AcceptLocked<L> {
    pub(super) listener: TcpListener,
    pub(super) lock: L,
}

impl<L: Lock> Wait for AcceptLocked<L> {
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Error> {
        let accepted = self.lock.with_lock(|| {
            turn.note_return();
            let connection = accept(&self.listener);
            turn.note_return();
            connection
        });
        match accepted {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::system("lock", "the accept mutex")(errno)),
            Ok(connection) => {
                if let Some(connection) = connection? {
                    turn.serve(connection);
                }
            }
        }
        Ok(())
    }
}
