//! Whether another process or thread has the descriptor table of the calling thread.

use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::fstat;
use nix::unistd::{gettid, pipe2};

use crate::evidence::Place;

/// Asks kcmp(2) and, where that is refused, looks for a new descriptor.
pub fn is_shared_with(thread: i32) -> Result<bool> {
    match observe::kcmp::tables(gettid().as_raw(), thread) {
        Ok(order) => Ok(order.is_eq()),
        Err(error) if matches!(error.errno, Errno::EPERM | Errno::EACCES | Errno::ENOSYS) => {
            shows_new_descriptor(thread)
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a descriptor that the calling thread opens now is in /proc/THREAD/fd as well: at once in
/// a table that both share, never in another one.
pub fn shows_new_descriptor(thread: i32) -> Result<bool> {
    let (reader, _writer) = pipe2(OFlag::O_CLOEXEC).context("pipe")?;
    let inode = fstat(&reader).context("fstat")?.st_ino;
    let its = Place {
        pid: thread,
        fd: reader.as_raw_fd(),
    };
    Ok(its.link()? == Some(format!("pipe:[{inode}]").into()))
}
