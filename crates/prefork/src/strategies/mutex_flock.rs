//! An accept mutex of flock(2): the lock belongs to the open file description, so each worker opens
//! the file for itself.

use std::fs::File;
use std::os::fd::AsRawFd;

use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::mutex::{AcceptLocked, Lock};
use super::{Prepared, Strategy};
use crate::error::Error;
use crate::listen::{Accept, Site};

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "mutex-flock",
    about: "accept under a lock by flock",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    let listener = site.listener(Accept::Blocking)?;
    let file = scratch::in_memory(b"").map_err(Error::system("make", "a lock file"))?;
    Ok(Prepared::one_listener(listener, move |listener, _| {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let file = File::open(&path).map_err(Error::system("open", path))?;
        Ok(AcceptLocked {
            listener,
            lock: FileLock(Some(file)),
        })
    }))
}

/// The lock file. It is none only inside [`Lock::with_lock`], which lends it to [`Flock`].
struct FileLock(Option<File>);

impl Lock for FileLock {
    fn with_lock<T>(&mut self, section: impl FnOnce() -> T) -> Result<T, Errno> {
        let file = self.0.take().ok_or(Errno::EBADF)?;
        let held = Flock::lock(file, FlockArg::LockExclusive).map_err(|(file, errno)| {
            self.0 = Some(file);
            errno
        })?;
        let result = section();
        self.0 = Some(held.unlock().map_err(|(_, errno)| errno)?);
        Ok(result)
    }
}
