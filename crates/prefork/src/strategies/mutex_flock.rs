//! An accept mutex of flock(2): the lock belongs to the open file description, so each worker opens
//! the file for itself.

use std::fs::File;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::mutex::{Lock, Locked};
use super::{Prepared, Strategy};
use crate::listen::{Empty, Site};

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "mutex-flock",
    about: "accept under a lock by flock",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared> {
    let listener = site.listener(Empty::Sleep)?;
    let file = memfd_create("accept-mutex", MFdFlags::MFD_CLOEXEC).context("memfd_create")?;
    Ok(Prepared::one(listener, move |listener, _| {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let file = File::open(&path).with_context(|| format!("open {path}"))?;
        Ok(Locked {
            listener,
            lock: FileLock::Free(file),
        })
    }))
}

enum FileLock {
    Free(File),
    Held(Flock<File>),
    /// Only while one becomes the other.
    Moving,
}

impl Lock for FileLock {
    fn lock(&mut self) -> Result<(), Errno> {
        if let FileLock::Free(file) = std::mem::replace(self, FileLock::Moving) {
            *self = match Flock::lock(file, FlockArg::LockExclusive) {
                Ok(held) => FileLock::Held(held),
                Err((file, errno)) => {
                    *self = FileLock::Free(file);
                    return Err(errno);
                }
            };
        }
        Ok(())
    }

    fn unlock(&mut self) -> Result<(), Errno> {
        if let FileLock::Held(held) = std::mem::replace(self, FileLock::Moving) {
            *self = FileLock::Free(held.unlock().map_err(|(_, errno)| errno)?);
        }
        Ok(())
    }
}
