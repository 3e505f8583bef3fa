//! System calls that are refused to one thread.

use std::thread;

use nix::errno::Errno;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

/// Runs `test` in a thread to which the kernel answers `errno` to each of the system `calls`.
pub fn with_refused_calls<R: Send>(
    calls: &[i64],
    errno: Errno,
    test: impl FnOnce() -> R + Send,
) -> R {
    let filter = SeccompFilter::new(
        calls.iter().map(|&call| (call, Vec::new())).collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(errno as u32),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    let filtered = || {
        apply_filter(&program).unwrap();
        test()
    };
    thread::scope(|scope| scope.spawn(filtered).join().unwrap())
}
