//! An accept mutex of fcntl(2) `F_SETLKW`: a POSIX lock, which belongs to the process.

use std::fs::File;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::mutex::{Lock, Locked};
use super::{Prepared, Strategy};
use crate::listen::{Empty, Site};

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "mutex-fcntl",
    about: "accept under a POSIX lock by fcntl",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared> {
    let listener = site.listener(Empty::Sleep)?;
    let file: File = memfd_create("accept-mutex", MFdFlags::MFD_CLOEXEC)
        .context("memfd_create")?
        .into();
    Ok(Prepared::one(listener, move |listener, _| {
        let file = file.try_clone().context("dup the lock file")?;
        Ok(Locked {
            listener,
            lock: PosixLock(file),
        })
    }))
}

struct PosixLock(File);

impl PosixLock {
    fn set(&self, kind: libc::c_int) -> Result<(), Errno> {
        let whole = libc::flock {
            l_type: kind as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        fcntl(&self.0, FcntlArg::F_SETLKW(&whole)).map(drop)
    }
}

impl Lock for PosixLock {
    fn lock(&mut self) -> Result<(), Errno> {
        self.set(libc::F_WRLCK)
    }

    fn unlock(&mut self) -> Result<(), Errno> {
        self.set(libc::F_UNLCK)
    }
}
