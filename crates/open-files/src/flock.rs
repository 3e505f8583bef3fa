//! flock(2) through std, made again where a signal interrupts it, and what it tells of a lock.

use std::fs::{File, TryLockError};

use anyhow::{Context, Result};
use harness::retry::on_interrupt;

/// The lock was refused: another description has it.
pub const HELD: &str = "held";
/// The lock was granted, and given back.
pub const FREE: &str = "free";

/// Asks for an exclusive lock and does not wait for it: whether it was granted.
pub fn try_lock(file: &File) -> Result<bool> {
    match on_interrupt(|| file.try_lock()) {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error).context("flock LOCK_EX | LOCK_NB"),
    }
}

/// Gives the lock back.
pub fn unlock(file: &File) -> Result<()> {
    on_interrupt(|| file.unlock()).context("flock LOCK_UN")
}

/// Whether the file is locked, asked through another description of it: [`HELD`] or [`FREE`].
pub fn state(file: &File) -> Result<&'static str> {
    if try_lock(file)? {
        unlock(file).map(|()| FREE)
    } else {
        Ok(HELD)
    }
}
