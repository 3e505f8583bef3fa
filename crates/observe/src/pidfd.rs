//! pidfd_open(2) and pidfd_getfd(2): a copy of another process's descriptor.
#![expect(
    unsafe_code,
    reason = "raw system calls and the adoption of the descriptors they return"
)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

use crate::Error;

/// A descriptor of the process `pid`.
///
/// # Errors
/// ESRCH where it is gone, ENOSYS under a filter or before Linux 5.3.
pub fn open(pid: i32) -> Result<OwnedFd, Error> {
    // SAFETY: pidfd_open takes two integers and touches no memory of ours.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    adopt(fd).map_err(|errno| Error::new(format!("pidfd_open {pid}"), errno))
}

/// A descriptor of our own for the open file description behind `fd` of the process.
///
/// # Errors
/// EPERM without ptrace access, EBADF where it has no such descriptor, ENOSYS before Linux 5.6.
pub fn getfd(process: BorrowedFd<'_>, fd: RawFd) -> Result<OwnedFd, Error> {
    // SAFETY: pidfd_getfd takes three integers and touches no memory of ours.
    let copy = unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), fd, 0) };
    adopt(copy).map_err(|errno| Error::new(format!("pidfd_getfd fd {fd}"), errno))
}

/// Copies descriptor `fd` of process `pid`.
///
/// # Errors
/// Those of [`open`] and [`getfd`].
pub fn getfd_of(pid: i32, fd: RawFd) -> Result<OwnedFd, Error> {
    getfd(open(pid)?.as_fd(), fd)
}

fn adopt(fd: libc::c_long) -> Result<OwnedFd, Errno> {
    let fd = Errno::result(fd)?;
    // SAFETY: both calls return a descriptor made for this very call; nothing else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}
