//! kcmp(2): whether two processes share a kernel object. nix has no wrapper, and libc's `KCMP_FILE`
//! is FreeBSD's; the numbers here are those of `include/uapi/linux/kcmp.h`.
#![expect(unsafe_code, reason = "the raw system call")]

use std::cmp::Ordering;

use nix::errno::Errno;

use crate::Error;

const KCMP_FILE: i32 = 0;
const KCMP_FILES: i32 = 2;

/// Orders two open file descriptions: descriptor `a` of one process against descriptor `b` of
/// another, each a pair (pid, fd). `Equal` means one and the same description; the order is the
/// kernel's own, total and stable while it runs.
///
/// # Errors
/// EPERM without ptrace access to both processes or under a filter, ENOSYS where the kernel has no
/// kcmp, EBADF for a closed descriptor, ESRCH for a process that is gone.
pub fn descriptions(a: (i32, i32), b: (i32, i32)) -> Result<Ordering, Error> {
    let what = || format!("kcmp {} fd {} against {} fd {}", a.0, a.1, b.0, b.1);
    kcmp(KCMP_FILE, a, b).map_err(|errno| Error::new(what(), errno))
}

/// Orders the descriptor tables of two processes or threads; `Equal` means that they share one.
///
/// # Errors
/// As [`descriptions`].
pub fn tables(a: i32, b: i32) -> Result<Ordering, Error> {
    let what = || format!("kcmp descriptor tables of {a} and {b}");
    kcmp(KCMP_FILES, (a, 0), (b, 0)).map_err(|errno| Error::new(what(), errno))
}

fn kcmp(kind: i32, a: (i32, i32), b: (i32, i32)) -> Result<Ordering, Errno> {
    // SAFETY: kcmp takes five integers and touches no memory of ours; the indices of kinds that have
    // none are ignored.
    let order = unsafe { libc::syscall(libc::SYS_kcmp, a.0, b.0, kind, a.1, b.1) };
    match Errno::result(order)? {
        0 => Ok(Ordering::Equal),
        1 => Ok(Ordering::Less),
        // 2 is greater; 3, unordered, is at any rate not equal.
        _ => Ok(Ordering::Greater),
    }
}
