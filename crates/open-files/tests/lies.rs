//! The claims where a system call is missing, or answers 0 and does nothing.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(
    unsafe_code,
    reason = "a filter is installed between fork and exec of the program"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule};
use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition};
use serde_json::Value;

/// The verdict on a claim where `call` answers with this error number, or with success where that
/// is 0, and is not made.
fn verdict(claim: &str, call: libc::c_long, errno: i32) -> String {
    verdict_where(claim, call, vec![], errno)
}

/// As [`verdict`], but only where the arguments are as one of `rules` says, if there are any.
fn verdict_where(claim: &str, call: libc::c_long, rules: Vec<SeccompRule>, errno: i32) -> String {
    let filter = SeccompFilter::new(
        [(call, rules)].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(errno as u32),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    let apply = move || seccompiler::apply_filter(&program).map_err(|_| Errno::EINVAL.into());
    let mut binary = Command::new(env!("CARGO_BIN_EXE_open-files"));
    binary.args(["claims", "--json", claim]);
    // SAFETY: runs between fork and exec; the program was made before, and installing it is two
    // system calls.
    unsafe { binary.pre_exec(apply) };
    let output = binary.output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    document["claims"][0]["verdict"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn tables_are_compared_without_kcmp() {
    for errno in [libc::EPERM, libc::ENOSYS] {
        let verdict = verdict("descriptor-table", libc::SYS_kcmp, errno);
        assert_eq!(verdict, "holds", "errno {errno}");
    }
}

/// A kernel without sock_diag lists its sockets in /proc/net/tcp, and tells no cookies there.
#[test]
fn ports_are_looked_up_without_sock_diag() {
    let claim = "port-is-not-an-object";
    let is = |argument, value: i32| {
        let (length, equal) = (SeccompCmpArgLen::Dword, SeccompCmpOp::Eq);
        SeccompCondition::new(argument, length, equal, value as u64).unwrap()
    };
    let sock_diag = vec![is(0, libc::AF_NETLINK), is(2, libc::NETLINK_SOCK_DIAG)];
    let sock_diag = SeccompRule::new(sock_diag).unwrap();
    let refuse = |errno| verdict_where(claim, libc::SYS_socket, vec![sock_diag.clone()], errno);
    // As it is on this machine: a user may be allowed no network of its own.
    let told = verdict(claim, libc::SYS_kcmp, libc::ENOSYS);
    assert_eq!(refuse(libc::EPROTONOSUPPORT), told);
    assert_eq!(refuse(libc::EPERM), "not_measured");
}

/// What is read by a call that lies must be read in a second way.
#[test]
fn an_instrument_that_lies_gives_no_verdict() {
    for (claim, call) in [
        ("fork-shares-description", libc::SYS_lseek),
        ("offset", libc::SYS_lseek),
        ("epoll-registers-the-description", EPOLL_WAIT),
        ("layers", libc::SYS_kcmp),
    ] {
        let verdict = verdict(claim, call, 0);
        assert!(
            ["error", "not_measured"].contains(&verdict.as_str()),
            "{claim}: {verdict}"
        );
    }
}

/// A call that the experiment consists of, and that is not made.
#[test]
fn an_experiment_that_is_not_made_gives_no_verdict() {
    for (claim, call) in [
        ("lock-owners", libc::SYS_flock),
        ("reference-count", libc::SYS_sendmsg),
        ("reference-count", libc::SYS_flock),
        ("ways-to-share", libc::SYS_dup),
        ("epoll-registers-the-description", libc::SYS_epoll_ctl),
        ("socket-is-the-object", libc::SYS_setsockopt),
        ("port-is-not-an-object", libc::SYS_bind),
        ("port-is-not-an-object", libc::SYS_setsockopt),
    ] {
        let verdict = verdict(claim, call, 0);
        assert!(
            ["error", "not_measured"].contains(&verdict.as_str()),
            "{claim}: {verdict}"
        );
    }
}

/// The call behind the C library's epoll_wait.
#[cfg(target_arch = "x86_64")]
const EPOLL_WAIT: libc::c_long = libc::SYS_epoll_wait;
#[cfg(not(target_arch = "x86_64"))]
const EPOLL_WAIT: libc::c_long = libc::SYS_epoll_pwait;
