//! flock(2) through std, made again where a signal interrupts it, and what shows that a file is
//! locked.

use std::fs::{File, TryLockError};
use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use observe::{Error, Operation, fdinfo};

use crate::retry::on_interrupt;
use crate::scratch;

/// Asks for an exclusive lock and does not wait for it: whether it was granted.
///
/// # Errors
/// That of flock(2).
pub fn try_lock(file: &File) -> Result<bool, Error> {
    match on_interrupt(|| file.try_lock()) {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(Error::from_io("flock LOCK_EX | LOCK_NB", &error)),
    }
}

/// Gives the lock back.
///
/// # Errors
/// That of flock(2).
pub fn unlock(file: &File) -> Result<(), Error> {
    on_interrupt(|| file.unlock()).map_err(|e| Error::from_io("flock LOCK_UN", &e))
}

/// Whether the file is locked, asked through another description of it; a lock that is granted is
/// given back.
///
/// # Errors
/// That of flock(2).
pub fn is_locked(other: &File) -> Result<bool, Error> {
    if try_lock(other)? {
        unlock(other).map(|()| false)
    } else {
        Ok(true)
    }
}

/// Whether fdinfo of descriptor `fd` of process `pid` has a `lock:` line of this kind: `FLOCK`,
/// `POSIX` or `OFDLCK` (proc_pid_fdinfo(5)). That none is there means something only where the
/// kernel has shown one before.
///
/// # Errors
/// Those of /proc.
pub fn is_shown((pid, fd): (i32, RawFd), kind: &str) -> Result<bool, Error> {
    let of_kind = |lock: &String| lock.split_whitespace().any(|word| word == kind);
    Ok(fdinfo::read(pid, fd)?.locks.iter().any(of_kind))
}

/// Whether the description behind descriptor `fd` of process `pid`, one of `file`'s, holds a lock
/// of this kind: see [`is_shown`]. Where the kernel shows no locks and has no list of them either
/// (gVisor), a flock shows in that another description of the file is refused one.
///
/// # Errors
/// Those of /proc; for another kind than `FLOCK` that of the list, where there is none.
pub fn is_held(place: (i32, RawFd), kind: &str, file: &File) -> Result<bool, Error> {
    if is_shown(place, kind)? {
        return Ok(true);
    }
    let Err(error) = File::open(LOCKS) else {
        return Ok(false);
    };
    if kind == "FLOCK" && observe::errno(&error) == Errno::ENOENT {
        return is_refused_to_another(file);
    }
    let refused = Error::from_io(format!("open {LOCKS}"), &error);
    Err(refused.with_kind(Operation::File(LOCKS.to_owned())))
}

fn is_refused_to_another(file: &File) -> Result<bool, Error> {
    is_locked(&scratch::open_again(file, OFlag::O_RDONLY)?)
}

/// The kernel's list of all locks. No evidence of absence is in fdinfo where there is none.
const LOCKS: &str = "/proc/locks";

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    /// What stands in where the kernel shows no locks says the same.
    #[test]
    fn a_lock_shows_in_fdinfo_and_in_the_refusal_of_another_description() {
        let file = scratch::file(b"").unwrap();
        let place = (std::process::id().cast_signed(), file.as_raw_fd());
        let evidence = || {
            let held = is_held(place, "FLOCK", &file).unwrap();
            (held, is_refused_to_another(&file).unwrap())
        };
        assert_eq!(evidence(), (false, false));
        assert!(try_lock(&file).unwrap());
        assert_eq!(evidence(), (true, true));
        assert_eq!(evidence(), (true, true), "to ask takes nothing away");
        assert!(!is_held(place, "POSIX", &file).unwrap(), "another kind");
        unlock(&file).unwrap();
        assert_eq!(evidence(), (false, false));
    }
}
