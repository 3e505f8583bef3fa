//! What the accept mutexes have in common: one worker at a time may sleep in accept, the others sleep
//! on the lock.

use std::net::TcpListener;

use nix::errno::Errno;

use super::{Wait, accept};
use crate::tally::Turn;

/// A lock between processes.
pub(super) trait Lock {
    /// Sleeps until the lock is this process's.
    fn lock(&mut self) -> Result<(), Errno>;
    /// Gives it up.
    fn unlock(&mut self) -> Result<(), Errno>;
}

/// Lock, accept, unlock, serve.
pub(super) struct Locked<L> {
    pub(super) listener: TcpListener,
    pub(super) lock: L,
}

impl<L: Lock> Wait for Locked<L> {
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Errno> {
        match self.lock.lock() {
            Err(Errno::EINTR) => return Ok(()),
            locked => locked?,
        }
        turn.returned();
        let connection = accept(&self.listener);
        turn.returned();
        self.lock.unlock()?;
        if let Some(connection) = connection? {
            turn.accepted(connection);
        }
        Ok(())
    }
}
