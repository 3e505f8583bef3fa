//! pidfd_open(2) and pidfd_getfd(2): a copy of another process's descriptor.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use rustix::process::{ForeignRawFd, Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use crate::{Error, Operation};

/// A descriptor of the process `pid`.
///
/// # Errors
/// ESRCH where no such process exists, EINVAL for a number that is none of a process, ENOSYS under
/// a filter or before Linux 5.3.
pub fn open(pid: i32) -> Result<OwnedFd, Error> {
    open_with(pid, PidfdFlags::empty())
}

/// A descriptor of the thread `tid`, by which [`getfd`] copies from that thread's table.
///
/// # Errors
/// As [`open`]; EINVAL before Linux 6.9.
pub fn open_thread(tid: i32) -> Result<OwnedFd, Error> {
    // `PIDFD_THREAD` is O_EXCL (include/uapi/linux/pidfd.h).
    open_with(tid, PidfdFlags::from_bits_retain(libc::O_EXCL as u32))
}

fn open_with(pid: i32, flags: PidfdFlags) -> Result<OwnedFd, Error> {
    let error = |errno| Error::new(format!("pidfd_open {pid}"), errno);
    let process = Some(pid).filter(|&pid| pid > 0).and_then(Pid::from_raw);
    let process = process.ok_or_else(|| error(Errno::EINVAL))?;
    pidfd_open(process, flags).map_err(|e| error(number(e)))
}

/// A descriptor of our own for the open file description behind `fd` of the process.
///
/// # Errors
/// EPERM without ptrace access, EBADF where it has no such descriptor, ENOSYS before Linux 5.6.
pub fn getfd(process: BorrowedFd<'_>, fd: RawFd) -> Result<OwnedFd, Error> {
    pidfd_getfd(process, fd as ForeignRawFd, PidfdGetfdFlags::empty()).map_err(|e| {
        Error::new(format!("pidfd_getfd fd {fd}"), number(e)).with_kind(Operation::CopyDescriptor)
    })
}

/// Copies descriptor `fd` of process `pid`.
///
/// # Errors
/// Those of [`open`] and [`getfd`].
pub fn copy_descriptor(pid: i32, fd: RawFd) -> Result<OwnedFd, Error> {
    getfd(open(pid)?.as_fd(), fd)
}

/// The error number of a call of rustix's.
pub(crate) fn number(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_copy_is_of_the_same_description() {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let copy = copy_descriptor(std::process::id() as i32, file.as_raw_fd()).unwrap();
        assert_ne!(copy.as_raw_fd(), file.as_raw_fd());
        let own = std::process::id() as i32;
        let (a, b) = ((own, copy.as_raw_fd()), (own, file.as_raw_fd()));
        assert!(crate::description::same(a, b).unwrap());
    }

    #[test]
    fn what_is_no_process_is_an_error() {
        assert_eq!(open(0).unwrap_err().errno, Errno::EINVAL);
        assert_eq!(open(-5).unwrap_err().errno, Errno::EINVAL);
        assert_eq!(open(i32::MAX).unwrap_err().errno, Errno::ESRCH);
    }
}
