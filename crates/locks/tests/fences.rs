//! Where a seccomp filter refuses membarrier(2), as some containers do: fences instead, and still a lock.
//!
//! One test only: the choice of barriers is the process's, and is made once.
#![cfg(target_arch = "x86_64")]
#![expect(unsafe_code, reason = "prctl(2) takes the filter by address")]

use lock_api::Mutex;
use locks::{Asymmetric, Barriers, barriers};
use std::{io, thread};

const THREADS: u64 = 4;
const TIMES: u64 = 100_000;

#[test]
fn without_membarrier_the_lock_uses_fences() {
    if let Err(error) = refuse_membarrier() {
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

/// From here on membarrier(2) gives ENOSYS to this thread and to those that it creates (seccomp(2)).
fn refuse_membarrier() -> io::Result<()> {
    let instruction = |code: u32, jump_if_false, operand| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: jump_if_false,
        k: operand,
    };
    let mut program = [
        // The first word of seccomp_data is the number of the system call.
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        instruction(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            1,
            libc::SYS_membarrier as u32,
        ),
        instruction(
            libc::BPF_RET,
            0,
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32,
        ),
        instruction(libc::BPF_RET, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the kernel copies the program, which is alive during the call; the other arguments are integers.
    let failed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const filter,
            ) != 0
    };
    if failed {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// The error number of MEMBARRIER_CMD_QUERY; None if it is answered.
fn membarrier_query() -> Option<i32> {
    // SAFETY: three integers.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, 0, 0, 0) };
    (result < 0).then(|| io::Error::last_os_error().raw_os_error())?
}
