//! Whether a file is locked by flock(2), asked through another description of it.

use std::fs::{File, TryLockError};

use anyhow::{Context, Result};
use harness::retry::on_interrupt;

/// The lock was refused: another description has it.
pub const HELD: &str = "held";
/// The lock was granted, and given back.
pub const FREE: &str = "free";

/// Tries flock(2) `LOCK_EX | LOCK_NB` on `file`, which is std's `try_lock`: [`HELD`] or [`FREE`].
pub fn state(file: &File) -> Result<&'static str> {
    match on_interrupt(|| file.try_lock()) {
        Ok(()) => {
            let unlocked = on_interrupt(|| file.unlock());
            unlocked.context("flock LOCK_UN").map(|()| FREE)
        }
        Err(TryLockError::WouldBlock) => Ok(HELD),
        Err(TryLockError::Error(error)) => Err(error).context("flock LOCK_EX | LOCK_NB"),
    }
}
