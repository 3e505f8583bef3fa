//! Whether two descriptors refer to one open file description: by kcmp(2) or, where that is refused,
//! by fcntl(2) `F_DUPFD_QUERY` on copies.
#![expect(
    unsafe_code,
    reason = "fcntl with a command that nix does not have yet"
)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::{Error, kcmp, pidfd};

/// `include/uapi/linux/fcntl.h`: `F_LINUX_SPECIFIC_BASE + 3`.
const F_DUPFD_QUERY: libc::c_int = 1024 + 3;

/// Whether descriptor `a` of one process and `b` of another, each (pid, fd), share a description.
///
/// # Errors
/// kcmp's, where it was refused and the other way was too.
pub fn same(a: (i32, i32), b: (i32, i32)) -> Result<bool, Error> {
    match kcmp::descriptions(a, b) {
        Ok(order) => Ok(order.is_eq()),
        Err(refused) if matches!(refused.errno, Errno::EPERM | Errno::ENOSYS | Errno::EACCES) => {
            let own = std::process::id() as i32;
            let copy = |(pid, fd)| -> Result<OwnedFd, Error> {
                if pid == own {
                    // SAFETY: the number is borrowed for this call alone; a number that is not open
                    // gives EBADF from the dup, nothing else is done with it.
                    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
                    let what = |_| Error::new(format!("dup fd {}", fd.as_raw_fd()), Errno::EBADF);
                    fd.try_clone_to_owned().map_err(what)
                } else {
                    pidfd::getfd_of(pid, fd)
                }
            };
            // What kcmp was refused for is what the user must hear about.
            let (a, b) = (
                copy(a).map_err(|_| refused.clone())?,
                copy(b).map_err(|_| refused.clone())?,
            );
            query(a.as_fd(), b.as_fd()).map_err(|_| refused)
        }
        Err(error) => Err(error),
    }
}

/// fcntl(2) `F_DUPFD_QUERY` (Linux 6.10): whether two descriptors of this process are duplicates.
///
/// # Errors
/// EINVAL on an older kernel.
pub fn query(a: BorrowedFd<'_>, b: BorrowedFd<'_>) -> Result<bool, Error> {
    // SAFETY: fcntl with an integer argument touches no memory of ours.
    let same = unsafe { libc::fcntl(a.as_raw_fd(), F_DUPFD_QUERY, b.as_raw_fd()) };
    let what = || {
        format!(
            "fcntl F_DUPFD_QUERY fd {} against fd {}",
            a.as_raw_fd(),
            b.as_raw_fd()
        )
    };
    Errno::result(same)
        .map(|same| same == 1)
        .map_err(|errno| Error::new(what(), errno))
}
