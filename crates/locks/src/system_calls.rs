//! The system calls of the locks, membarrier(2) and futex(2), also for measurements of their cost.
//!
//! The futexes are private: their words are keyed by address, so they wake threads of one process.
//!
//! Sources: membarrier(2), futex(2).
#![expect(
    unsafe_code,
    reason = "raw system calls: libc wraps neither futex(2) nor membarrier(2)"
)]

use std::io;
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Command of membarrier(2): every running thread of the process passes a full barrier.
/// From linux/membarrier.h, since Linux 4.14.
pub const PRIVATE_EXPEDITED: i32 = 1 << 3;
/// Command of membarrier(2) that must come first: the process wants expedited barriers.
pub const REGISTER_PRIVATE_EXPEDITED: i32 = 1 << 4;

/// membarrier(2) with flags 0.
///
/// # Errors
/// EPERM (not registered), ENOSYS, or what a seccomp filter says.
pub fn membarrier(command: i32) -> io::Result<()> {
    // SAFETY: membarrier takes three integers and touches no memory of ours.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Sleeps while `*word == expected`; may wake for no reason, so the caller looks again.
pub fn futex_wait(word: &AtomicU32, expected: u32) {
    wait(word, expected, None);
}

/// As [`futex_wait`], for a millisecond at most.
pub fn futex_wait_briefly(word: &AtomicU32, expected: u32) {
    wait(word, expected, Some(Duration::from_millis(1)));
}

fn wait(word: &AtomicU32, expected: u32, limit: Option<Duration>) {
    let limit = limit.map(|limit| libc::timespec {
        tv_sec: 0,
        tv_nsec: limit.subsec_nanos().into(),
    });
    let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `word` is alive while borrowed, `limit` is null or points to a timespec that outlives
    // the call. EAGAIN, EINTR and ETIMEDOUT all mean "look again", which every caller does.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            expected,
            limit,
        );
    }
}

/// Wakes one thread that sleeps on `word`. Returns how many woke: 0 or 1.
pub fn futex_wake(word: &AtomicU32) -> i64 {
    // SAFETY: the kernel uses the address as a key and reads nothing there. `Futex` calls this
    // after the release and touches nothing else. So it does no harm even if the thread that took
    // the lock next has freed it: then this wakes no thread, or an unrelated one without need.
    // `Asymmetric` must outlive its unlock.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            1,
        )
    }
}
