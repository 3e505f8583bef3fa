//! Whether the kernel has a thread's list of robust futexes (get_robust_list(2)): without it nobody
//! is told that the holder of a robust mutex died.
#![expect(unsafe_code, reason = "the raw system call")]

use nix::errno::Errno;

use crate::Error;

/// Whether the calling thread has registered its list, which the C library does at the start of
/// each thread; a filter on set_robust_list(2) keeps it from that, and the library says nothing.
///
/// # Errors
/// ENOSYS where the kernel has no such lists (CONFIG_FUTEX) or a filter hides the call; EPERM.
pub fn is_registered() -> Result<bool, Error> {
    const OWN: libc::pid_t = 0;
    head_of(OWN).map(|head| head != 0)
}

/// Where the list of the thread `thread` begins, 0 standing for the calling one; 0 where it has
/// none.
///
/// # Errors
/// As [`is_registered`]; EPERM where ptrace access is denied, ESRCH where there is no such thread.
pub fn head_of(thread: i32) -> Result<u64, Error> {
    let mut head: *const libc::c_void = std::ptr::null();
    let mut length: libc::size_t = 0;
    // SAFETY: the kernel writes a pointer and a length into the two variables, which live on this
    // frame until the call returns; the pointer is not followed.
    let asked = unsafe {
        libc::syscall(
            libc::SYS_get_robust_list,
            thread,
            &raw mut head,
            &raw mut length,
        )
    };
    Errno::result(asked)
        .map(|_| head as u64)
        .map_err(|errno| Error::new("get_robust_list", errno))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::with_refused_call;

    #[test]
    fn the_library_registers_it_unless_it_is_kept_from_it() {
        assert_eq!(is_registered(), Ok(true));
        with_refused_call(libc::SYS_set_robust_list, Errno::EPERM, || {
            let second = std::thread::spawn(is_registered).join().unwrap();
            assert_eq!(second, Ok(false));
        });
    }
}
