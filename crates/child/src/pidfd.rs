//! A descriptor that becomes readable when a child ends. nix has no pidfd; Linux 5.3 has.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};

/// pidfd_open(2): close-on-exec by itself.
pub(crate) fn open(pid: Pid) -> Result<OwnedFd, Errno> {
    let process = rustix::process::Pid::from_raw(pid.as_raw()).ok_or(Errno::EINVAL)?;
    pidfd_open(process, PidfdFlags::empty()).map_err(|e| Errno::from_raw(e.raw_os_error()))
}

/// waitpid(2) for a child that has ended or is about to.
pub(crate) fn reap(pid: Pid) -> Result<WaitStatus, Errno> {
    loop {
        match waitpid(pid, None) {
            Err(Errno::EINTR) => {}
            status => return status,
        }
    }
}
