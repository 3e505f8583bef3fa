//! Where a seccomp filter refuses membarrier(2): fences instead, and still a lock.
//!
//! One test only: the choice of barriers is the process's, and is made once.
#![expect(unsafe_code, reason = "membarrier(2) is a raw system call")]

mod seccomp;

use std::{io, thread};

use lock_api::Mutex;
use locks::{Asymmetric, Barriers, barriers};

const THREADS: u64 = 4;
const TIMES: u64 = 100_000;

#[test]
fn without_membarrier_the_lock_uses_fences() {
    if let Err(error) = seccomp::refuse(libc::SYS_membarrier, None, libc::ENOSYS) {
        assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}"); // a kernel without seccomp
        return;
    }
    assert_eq!(membarrier_query(), Some(libc::ENOSYS), "the filter works");
    assert_eq!(barriers(), Barriers::Fences);
    let counter = Mutex::<Asymmetric, u64>::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..TIMES {
                    *counter.lock() += 1;
                }
            });
        }
    });
    assert_eq!(*counter.lock(), THREADS * TIMES);
}

/// The error number of MEMBARRIER_CMD_QUERY; None if it is answered.
fn membarrier_query() -> Option<i32> {
    // SAFETY: three integers.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, 0, 0, 0) };
    (result < 0).then(|| io::Error::last_os_error().raw_os_error())?
}
