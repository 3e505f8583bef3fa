//! System calls that are refused to one thread, for tests of what is done without them.

use std::collections::BTreeMap;
use std::thread;

use nix::errno::Errno;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

/// Runs `test` in a thread to which the kernel answers `errno` to every system call `number`.
pub(crate) fn with_refused_call(number: i64, errno: Errno, test: impl FnOnce() + Send + 'static) {
    let filtered = move || {
        let filter = SeccompFilter::new(
            BTreeMap::from([(number, Vec::new())]),
            SeccompAction::Allow,
            SeccompAction::Errno(errno as u32),
            TargetArch::try_from(std::env::consts::ARCH).unwrap(),
        );
        let program: BpfProgram = filter.unwrap().try_into().unwrap();
        apply_filter(&program).unwrap();
        test();
    };
    thread::spawn(filtered).join().unwrap();
}
