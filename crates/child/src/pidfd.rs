//! A descriptor that becomes readable when a child ends. nix has no pidfd; Linux 5.3 has.
#![expect(
    unsafe_code,
    reason = "pidfd_open and the adoption of the descriptor it returns"
)]

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// pidfd_open(2): close-on-exec by itself.
pub(crate) fn open(pid: Pid) -> Result<OwnedFd, Errno> {
    // SAFETY: pidfd_open takes two integers and touches no memory of ours.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let fd = Errno::result(fd)?;
    // SAFETY: the kernel has just made this descriptor for this call; nothing else knows its number,
    // so the OwnedFd is its only owner. Descriptor numbers fit an i32.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
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
