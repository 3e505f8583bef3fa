//! Whether two descriptors refer to one open file description: by kcmp(2); where that is refused,
//! by fcntl(2) `F_DUPFD_QUERY` on copies; where that is, too, by a status flag that both show.
#![expect(
    unsafe_code,
    reason = "fcntl on bare numbers, with a command that nix does not have yet"
)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::{Error, Operation, fdinfo, kcmp, pidfd};

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
            // Where the other ways are refused as well, kcmp's refusal is what the user must hear
            // about.
            match same_by_query(a, b) {
                Err(error) if is_refusal(&error) || error.kind == Operation::DescriptorQuery => {
                    same_by_flag(a, b).unwrap_or(Err(refused))
                }
                told => told,
            }
        }
        Err(error) => Err(error),
    }
}

fn same_by_query(a: (i32, i32), b: (i32, i32)) -> Result<bool, Error> {
    let (a, b) = (copy(a)?, copy(b)?);
    query(a.as_fd(), b.as_fd())
}

/// Whether O_NONBLOCK of the one, as /proc shows it, follows when it is changed through the other:
/// status flags are the description's. It is put back. None where neither is a descriptor of this
/// process, where /proc does not show the other, and where the change did not come about.
fn same_by_flag(a: (i32, i32), b: (i32, i32)) -> Option<Result<bool, Error>> {
    let own = std::process::id() as i32;
    let (ours, other) = if a.0 == own { (a, b) } else { (b, a) };
    if ours.0 != own {
        return None;
    }
    let shown = |(pid, fd)| {
        let flags = fdinfo::read(pid, fd).ok()?.status_flags;
        Some(flags & libc::O_NONBLOCK)
    };
    let copy = match copy(ours) {
        Ok(copy) => copy,
        Err(error) => return Some(Err(error)),
    };
    let before = [shown(ours)?, shown(other)?];
    let changed = with_nonblock_changed(&copy, || [shown(ours), shown(other)]).ok()?;
    let after = [shown(ours)?, shown(other)?];
    let [ours_changed, other_changed] = [changed[0]?, changed[1]?];
    // What did not change by our call, or not back, was changed by somebody else or by nobody.
    (ours_changed != before[0] && before == after).then_some(Ok(other_changed != before[1]))
}

/// Looks while O_NONBLOCK of the description behind `fd` is the other way round, and puts it back.
///
/// # Errors
/// That of fcntl(2), F_GETFL and F_SETFL.
pub fn with_nonblock_changed<R>(fd: &impl AsFd, look: impl FnOnce() -> R) -> Result<R, Errno> {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags ^ OFlag::O_NONBLOCK))?;
    let seen = look();
    fcntl(fd, FcntlArg::F_SETFL(flags))?;
    Ok(seen)
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
    query_number(a, b.as_raw_fd())
}

/// The same about a bare number, which need not be open.
///
/// # Errors
/// As [`query`]; EBADF where it is not open.
pub fn query_number(a: BorrowedFd<'_>, b: RawFd) -> Result<bool, Error> {
    // SAFETY: fcntl with an integer argument touches no memory of ours.
    let same = unsafe { libc::fcntl(a.as_raw_fd(), F_DUPFD_QUERY, b) };
    let what = || format!("fcntl F_DUPFD_QUERY fd {} against fd {b}", a.as_raw_fd());
    Errno::result(same)
        .map(|same| same == 1)
        .map_err(|errno| Error::new(what(), errno).with_kind(Operation::DescriptorQuery))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_flag_tells_a_duplicate_from_a_second_open() {
        let own = std::process::id() as i32;
        let open = || File::open("/proc/self/status").unwrap();
        let (file, other) = (open(), open());
        let duplicate = file.try_clone().unwrap();
        let place = |file: &File| (own, file.as_raw_fd());
        let flags = || fdinfo::read(own, file.as_raw_fd()).unwrap().status_flags;
        let before = flags();
        let compare = |other: &File| same_by_flag(place(&file), place(other));
        assert_eq!(compare(&duplicate), Some(Ok(true)));
        assert_eq!(compare(&other), Some(Ok(false)));
        assert_eq!(flags(), before, "the flag is put back");
        assert_eq!(same_by_flag((1, 0), (1, 1)), None, "neither is ours");
        let closed = same_by_flag((own, i32::MAX), place(&file));
        let closed = closed.map(|told| told.map_err(|error| error.errno));
        assert_eq!(closed, Some(Err(Errno::EBADF)));
    }
}
