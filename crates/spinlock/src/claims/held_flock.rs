//! Whether a process holds a lock of flock(2), asked without trying to take it where the kernel
//! tells.

use std::fs::{File, TryLockError};
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use harness::retry::on_interrupt;
use harness::scratch;
use nix::fcntl::OFlag;
use observe::fdinfo;

/// Whether descriptor `fd` of process `pid` holds the lock of `file`: a `lock:` line of its fdinfo
/// (proc_pid_fdinfo(5)). A kernel that has no such lines (gVisor) is asked by a process of its own,
/// which opens `file` anew: it is refused as long as somebody holds the lock.
///
/// # Errors
/// Those of /proc, of fork(2) and of flock(2).
pub(super) fn is_held(pid: i32, fd: i32, file: &File) -> Result<bool> {
    if lines_are_shown()? {
        return has_line(pid, fd);
    }
    let own = std::process::id().cast_signed();
    let asker = child::fork("asker", |_| {
        let file = scratch::open_from_process(own, file.as_raw_fd(), OFlag::O_WRONLY)?;
        Ok(try_flock(&file)? == "held")
    })?;
    Ok(asker.join()?)
}

/// Whether this kernel shows locks at all: one that this process takes for that.
fn lines_are_shown() -> Result<bool> {
    let file = scratch::in_memory(b"")?;
    on_interrupt(|| file.lock()).context("flock LOCK_EX")?;
    has_line(std::process::id().cast_signed(), file.as_raw_fd())
}

fn has_line(pid: i32, fd: i32) -> Result<bool> {
    let locks = fdinfo::read(pid, fd)?.locks;
    Ok(locks.iter().any(|lock| lock.contains("FLOCK")))
}

/// Whether flock(2) can be had just now, `got` or `held`; it is given back.
///
/// # Errors
/// That of flock(2).
pub(super) fn try_flock(file: &File) -> Result<&'static str> {
    match on_interrupt(|| file.try_lock()) {
        Ok(()) => {
            let unlocked = on_interrupt(|| file.unlock());
            unlocked.context("flock LOCK_UN").map(|()| "got")
        }
        Err(TryLockError::WouldBlock) => Ok("held"),
        Err(TryLockError::Error(error)) => Err(error).context("flock LOCK_EX | LOCK_NB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_shows_who_holds_a_lock() {
        assert!(lines_are_shown().unwrap());
        let own = std::process::id().cast_signed();
        let file = scratch::in_memory(b"").unwrap();
        let other = scratch::open_from_process(own, file.as_raw_fd(), OFlag::O_WRONLY).unwrap();
        let is_held = || has_line(own, file.as_raw_fd()).unwrap();
        assert_eq!((is_held(), try_flock(&other).unwrap()), (false, "got"));
        file.lock().unwrap();
        assert_eq!((is_held(), try_flock(&other).unwrap()), (true, "held"));
    }
}
