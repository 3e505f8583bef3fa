//! Whether two descriptors refer to one open file description: by kcmp(2) or, where that is
//! refused, by fcntl(2) `F_DUPFD_QUERY` on copies.
#![expect(
    unsafe_code,
    reason = "fcntl on bare numbers, with a command that nix does not have yet"
)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use crate::{Error, Operation, kcmp, pidfd};

/// `include/uapi/linux/fcntl.h`: `F_LINUX_SPECIFIC_BASE + 3`.
const F_DUPFD_QUERY: libc::c_int = 1024 + 3;

/// Whether descriptor `a` of one process and `b` of another, each (pid, fd), share a description.
///
/// # Errors
/// kcmp's, where it was refused and the other way was too; EBADF for a closed descriptor; EMFILE.
pub fn same(a: (i32, i32), b: (i32, i32)) -> Result<bool, Error> {
    match kcmp::descriptions(a, b) {
        Ok(order) => Ok(order.is_eq()),
        Err(refused) if is_refusal(&refused) => {
            // Where the other way is refused as well, kcmp's refusal is what the user must hear
            // about.
            let hidden = |error: Error| {
                if is_refusal(&error) {
                    refused.clone()
                } else {
                    error
                }
            };
            let (a, b) = (copy(a).map_err(hidden)?, copy(b).map_err(hidden)?);
            query(a.as_fd(), b.as_fd()).map_err(|_| refused)
        }
        Err(error) => Err(error),
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.errno, Errno::EPERM | Errno::ENOSYS | Errno::EACCES)
}

/// A descriptor of our own for the description behind descriptor `fd` of process `pid`.
fn copy((pid, fd): (i32, i32)) -> Result<OwnedFd, Error> {
    if pid != std::process::id() as i32 {
        return pidfd::copy_descriptor(pid, fd);
    }
    // SAFETY: fcntl with integer arguments touches no memory of ours; a number that is not open
    // gives EBADF.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) };
    let copy =
        Errno::result(copy).map_err(|errno| Error::new(format!("duplicate fd {fd}"), errno))?;
    // SAFETY: the kernel has just made this descriptor for this call; no other code knows its
    // number.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
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
        .map_err(|errno| Error::new(what(), errno).with_kind(Operation::DescriptorQuery))
}
