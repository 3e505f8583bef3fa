//! System calls that are refused to one thread, for tests of what is done without them.

use std::collections::BTreeMap;
use std::thread;

use nix::errno::Errno;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

/// Runs `test` in a thread to which the kernel answers `errno` to every system call of the number
/// `calls.0` that fits one of the rules `calls.1`; to all of them where there is no rule.
pub(crate) fn with_refused_calls(
    calls: (i64, Vec<SeccompRule>),
    errno: Errno,
    test: impl FnOnce() + Send + 'static,
) {
    let filtered = move || {
        let filter = SeccompFilter::new(
            BTreeMap::from([calls]),
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
