//! A child by its pidfd (pidfd_open(2), Linux 5.3), which never comes to mean another process.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};

/// pidfd_open(2): close-on-exec by itself.
pub(crate) fn open(pid: Pid) -> Result<OwnedFd, Errno> {
    let process = rustix::process::Pid::from_raw(pid.as_raw()).ok_or(Errno::EINVAL)?;
    pidfd_open(process, PidfdFlags::empty()).map_err(|e| Errno::from_raw(e.raw_os_error()))
}

/// pidfd_send_signal(2).
pub(crate) fn send_signal(pidfd: &OwnedFd, signal: Signal) -> Result<(), Errno> {
    let signal = rustix::process::Signal::from_named_raw(signal as i32).ok_or(Errno::EINVAL)?;
    pidfd_send_signal(pidfd, signal).map_err(|e| Errno::from_raw(e.raw_os_error()))
}

/// Whether `process` is a child of the calling process, not reaped yet. The kernel says so
/// (waitid(2), `WNOWAIT`), whatever the numbers of processes are here.
pub(crate) fn is_own_child(process: Id<'_>) -> bool {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(process, look).is_ok()
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
