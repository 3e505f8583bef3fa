//! kcmp(2): whether two processes share a kernel object. nix has no wrapper, and libc's `KCMP_FILE`
//! is FreeBSD's; the numbers here are those of `include/uapi/linux/kcmp.h`.
#![expect(unsafe_code, reason = "the raw system call")]

use std::cmp::Ordering;

use nix::errno::Errno;

use crate::{Error, Operation};

const KCMP_FILE: i32 = 0;
const KCMP_FILES: i32 = 2;
const KCMP_EPOLL_TFD: i32 = 7;

/// Orders two open file descriptions: descriptor `a` of one process against descriptor `b` of
/// another, each a pair (pid, fd). `Equal` means one and the same description; the order is the
/// kernel's own, total and stable while it runs.
///
/// # Errors
/// EPERM without ptrace access to both processes or under a filter, ENOSYS where the kernel has no
/// kcmp, EBADF for a closed descriptor, ESRCH where no such process exists.
pub fn descriptions(a: (i32, i32), b: (i32, i32)) -> Result<Ordering, Error> {
    let what = || format!("kcmp {} fd {} against {} fd {}", a.0, a.1, b.0, b.1);
    kcmp(KCMP_FILE, a, b).map_err(|errno| Error::new(what(), errno).with_kind(Operation::Kcmp))
}

/// Orders the descriptor tables of two processes or threads; `Equal` means that they share one.
///
/// # Errors
/// As [`descriptions`].
pub fn tables(a: i32, b: i32) -> Result<Ordering, Error> {
    let what = || format!("kcmp descriptor tables of {a} and {b}");
    kcmp(KCMP_FILES, (a, 0), (b, 0))
        .map_err(|errno| Error::new(what(), errno).with_kind(Operation::Kcmp))
}

/// Orders descriptor `fd` of process `pid` against what one of its epoll instances, descriptor
/// `epoll`, really watches under the number `watched`; `nth` tells registrations of one number
/// apart, in the order of fdinfo.
///
/// # Errors
/// As [`descriptions`]; ENOENT where there is no such registration.
pub fn registration(
    pid: i32,
    fd: i32,
    epoll: i32,
    watched: i32,
    nth: u32,
) -> Result<Ordering, Error> {
    // `struct kcmp_epoll_slot`.
    let slot: [u32; 3] = [epoll as u32, watched as u32, nth];
    // SAFETY: kcmp reads the three words of the slot, which lives on this stack until the call
    // returns, and writes nothing.
    let order =
        unsafe { libc::syscall(libc::SYS_kcmp, pid, pid, KCMP_EPOLL_TFD, fd, slot.as_ptr()) };
    let what = || format!("kcmp {pid} fd {fd} against what epoll fd {epoll} watches as {watched}");
    ordering(order).map_err(|errno| Error::new(what(), errno).with_kind(Operation::Kcmp))
}

fn kcmp(kind: i32, a: (i32, i32), b: (i32, i32)) -> Result<Ordering, Errno> {
    // SAFETY: kcmp takes five integers and touches no memory of ours; the indices of kinds that
    // have none are ignored.
    let order = unsafe { libc::syscall(libc::SYS_kcmp, a.0, b.0, kind, a.1, b.1) };
    ordering(order)
}

fn ordering(order: libc::c_long) -> Result<Ordering, Errno> {
    match Errno::result(order)? {
        0 => Ok(Ordering::Equal),
        1 => Ok(Ordering::Less),
        // 2 is greater; 3, unordered, is at any rate not equal.
        _ => Ok(Ordering::Greater),
    }
}
