//! Verdicts do not depend on what the caller ignored, blocked or limited.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]
#![expect(
    unsafe_code,
    reason = "signals and limits are set between fork and exec"
)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;

/// A child and its answer, a caught fault, an executed program, the file system, and a stack that
/// is used up to its last page but few.
const CLAIMS: [&str; 5] = [
    "layers",
    "offset",
    "segment-limit",
    "descriptor-table",
    "address-space-fragments",
];

/// Exit status, and each claim with its verdict and the reason for it.
#[derive(Debug, PartialEq)]
struct Outcome {
    status: Option<i32>,
    claims: Vec<(String, String, String)>,
}

/// Runs the claims after `prepare`, which makes system calls between fork and exec.
fn run(prepare: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Outcome {
    let mut witness = Command::new(env!("CARGO_BIN_EXE_witness"));
    witness.args(["run", "--json"]).args(CLAIMS);
    // SAFETY: each closure of this file makes system calls alone and allocates nothing.
    let output = unsafe { witness.pre_exec(prepare) }.output();
    let output = output.expect("witness runs");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let text = |claim: &Value, key: &str| claim[key].as_str().unwrap_or_default().to_owned();
    let claims = document["claims"].as_array().into_iter().flatten();
    Outcome {
        status: output.status.code(),
        claims: claims
            .map(|claim| {
                (
                    text(claim, "id"),
                    text(claim, "verdict"),
                    text(claim, "why"),
                )
            })
            .collect(),
    }
}

fn plain() -> Outcome {
    let plain = run(|| Ok(()));
    assert_eq!(plain.claims.len(), CLAIMS.len(), "{plain:?}");
    plain
}

#[test]
fn every_signal_ignored_or_blocked() {
    let plain = plain();
    for signal in (1..=64).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal)) {
        let ignored = run(move || {
            // struct sigaction of the kernel: SIG_IGN, no flags, no mask. The C library's refuses
            // two signals.
            let action = [libc::SIG_IGN, 0, 0, 0];
            let none = std::ptr::null_mut::<usize>();
            // SAFETY: to ignore a signal runs no code.
            let call =
                unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, &action, none, 8_usize) };
            Ok(Errno::result(call).map(drop)?)
        });
        assert_eq!(ignored, plain, "signal {signal} ignored");
        let blocked = run(move || {
            let set = 1_u64 << (signal - 1);
            let none = std::ptr::null_mut::<u64>();
            let how = libc::SIG_BLOCK;
            // SAFETY: the kernel reads the 8 bytes of the set.
            let call = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, &set, none, 8_usize) };
            Ok(Errno::result(call).map(drop)?)
        });
        assert_eq!(blocked, plain, "signal {signal} blocked");
    }
}

/// A small value for each limit of getrlimit(2).
const SMALL: [(Resource, u64); 14] = [
    (Resource::RLIMIT_AS, 256 << 20),
    (Resource::RLIMIT_CORE, 0),
    (Resource::RLIMIT_CPU, 1),
    (Resource::RLIMIT_CPU, 60),
    (Resource::RLIMIT_DATA, 1 << 20),
    (Resource::RLIMIT_FSIZE, 0),
    (Resource::RLIMIT_LOCKS, 0),
    (Resource::RLIMIT_MEMLOCK, 0),
    (Resource::RLIMIT_MSGQUEUE, 0),
    (Resource::RLIMIT_NOFILE, 16),
    (Resource::RLIMIT_NPROC, 1),
    (Resource::RLIMIT_RSS, 0),
    (Resource::RLIMIT_SIGPENDING, 0),
    (Resource::RLIMIT_STACK, 64 << 10),
];

#[test]
fn every_soft_limit_small() {
    let plain = plain();
    for (resource, soft) in SMALL {
        let limited = run(move || {
            let (_, hard) = getrlimit(resource)?;
            Ok(setrlimit(resource, soft.min(hard), hard)?)
        });
        assert_eq!(limited, plain, "{resource:?}");
    }
}

#[test]
fn every_hard_limit_small() {
    for (resource, hard) in SMALL {
        let limited = run(move || Ok(setrlimit(resource, hard, hard)?));
        for (id, verdict, why) in &limited.claims {
            let right = matches!(&**verdict, "holds" | "holds_with" | "not_measured");
            assert!(right, "{resource:?}: {id}: {verdict}: {why}");
        }
        // Without a stack not even the command line is read: nothing is measured, and that is said.
        let whole = limited.claims.len() == CLAIMS.len();
        assert!(
            whole || limited.status == Some(4),
            "{resource:?}: {limited:?}"
        );
    }
}
