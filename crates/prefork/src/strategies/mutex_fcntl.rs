//! An accept mutex of fcntl(2) `F_SETLKW`: a POSIX lock, which belongs to the process.

use std::fs::File;

use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

use super::mutex::{AcceptLocked, Lock};
use super::{Prepared, Strategy};
use crate::error::Error;
use crate::listen::{Accept, Site};

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "mutex-fcntl",
    about: "accept under a POSIX lock by fcntl",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    let listener = site.listener(Accept::Blocking)?;
    let file = scratch::in_memory(b"").map_err(Error::system("make", "a lock file"))?;
    Ok(Prepared::one_listener(listener, move |listener, _| {
        let file = file
            .try_clone()
            .map_err(Error::system("fcntl", "F_DUPFD_CLOEXEC of the lock file"))?;
        Ok(AcceptLocked {
            listener,
            lock: PosixLock(file),
        })
    }))
}

struct PosixLock(File);

impl PosixLock {
    /// Sets the lock of the whole file to `kind`, F_WRLCK or F_UNLCK.
    fn set(&self, kind: libc::c_int) -> Result<(), Errno> {
        let whole_file = libc::flock {
            l_type: kind as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        fcntl(&self.0, FcntlArg::F_SETLKW(&whole_file)).map(drop)
    }
}

impl Lock for PosixLock {
    fn with_lock<T>(&mut self, section: impl FnOnce() -> T) -> Result<T, Errno> {
        self.set(libc::F_WRLCK)?;
        let result = section();
        self.set(libc::F_UNLCK)?;
        Ok(result)
    }
}
