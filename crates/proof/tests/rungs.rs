//! Rungs as a program on them sees them: each must lack what its name says.
#![expect(clippy::disallowed_methods, reason = "it runs the program proof")]
#![expect(clippy::expect_used, reason = "what cannot be run has failed the test")]

use std::process::{Command, Output};

use proof::ladder::{CANNOT_BE_MADE, rungs};

/// All signals but SIGKILL, SIGSTOP and the two that the C library keeps.
const ALL_SIGNALS: u64 = 0xffff_fffe_7ffb_feff;
const SIGCHLD: u64 = 1 << 16;

/// Runs a program on a rung; none where this user or machine cannot make the rung.
fn on(rung: &str, program: &[&str]) -> Option<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proof"));
    command.args(["rung", rung, "--"]).args(program);
    let output = command.output().expect("proof");
    if output.status.code() != Some(i32::from(CANNOT_BE_MADE)) {
        return Some(output);
    }
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(
        why.starts_with("proof: ") && why.lines().count() == 1,
        "{rung}: {why}"
    );
    None
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_program_finds_what_the_rung_promises() {
    let status = &["cat", "/proc/self/status"][..];
    let limits = &["cat", "/proc/self/limits"][..];
    let mut made = 0;
    for (rung, program, expected) in [
        ("nobody", status, "Uid:\t65534\t65534\t65534\t65534"),
        ("nobody", status, "CapEff:\t0000000000000000"),
        ("only-SYS_ADMIN", status, "CapEff:\t0000000000200000"),
        ("no-new-privs", status, "NoNewPrivs:\t1"),
        ("kcmp-ENOSYS", status, "Seccomp:\t2"),
        ("container", status, "\nPid:\t1\n"),
        ("descriptors-16", limits, "Max open files            16"),
        ("file-size-0", limits, "Max file size             0 "),
        ("stack-64-KiB", limits, "Max stack size            65536"),
        (
            "somaxconn-64",
            &["cat", "/proc/sys/net/core/somaxconn"],
            "64\n",
        ),
        (
            "no-proc-stat",
            &["wc", "-c", "/proc/stat"],
            "0 /proc/stat\n",
        ),
        ("one-processor", &["nproc"], "1\n"),
        ("nice-19", &["nice"], "19\n"),
        (
            "tmpdir-absent",
            &["printenv", "TMPDIR"],
            "/proof/no/such/folder\n",
        ),
    ] {
        let Some(output) = on(rung, program) else {
            continue;
        };
        made += 1;
        let seen = text(&output.stdout);
        assert!(
            seen.contains(expected),
            "{rung}: {seen} {}",
            text(&output.stderr)
        );
    }
    assert!(made >= 8, "only {made} rungs could be made");
}

/// This test may itself have been started with some signals ignored: more than these may be.
#[test]
fn signals_are_ignored_and_blocked() {
    for (rung, field, expected) in [
        ("signals-ignored", "SigIgn:\t", ALL_SIGNALS),
        ("signals-blocked", "SigBlk:\t", ALL_SIGNALS),
        ("SIGCHLD-ignored", "SigIgn:\t", SIGCHLD),
    ] {
        let output = on(rung, &["cat", "/proc/self/status"]).expect("nothing is needed for it");
        let status = text(&output.stdout);
        let set = status.lines().find_map(|line| line.strip_prefix(field));
        let set = u64::from_str_radix(set.unwrap_or_default(), 16).expect("a set of signals");
        assert_eq!(set & expected, expected, "{rung}: {set:x}");
    }
}

#[test]
fn a_program_misses_what_the_rung_takes_away() {
    for (rung, program) in [
        ("proc-subset-pid", &["cat", "/proc/meminfo"][..]),
        ("no-proc", &["cat", "/proc/self/status"]),
        (
            "tmp-full",
            &["sh", "-c", "echo full > \"${TMPDIR:-/tmp}/more\""],
        ),
        (
            "tmp-read-only",
            &["sh", "-c", "echo full > \"${TMPDIR:-/tmp}/more\""],
        ),
        ("stdin-closed", &["readlink", "/proc/self/fd/0"]),
        ("unshare-EPERM", &["unshare", "-n", "true"]),
        ("unreadable-hidepid-2", &["test", "-r", "/proc/self/exe"]),
        (
            "loopback-down",
            &["sh", "-c", "grep -q 0x1 /sys/class/net/lo/flags && false"],
        ),
    ] {
        if let Some(output) = on(rung, program) {
            assert!(!output.status.success(), "{rung}: {}", text(&output.stdout));
        }
    }
}

/// Each can be made, or says in one line why not.
#[test]
fn every_rung_is_made_or_says_why_not() {
    for rung in rungs() {
        if let Some(output) = on(rung.name, &["true"]) {
            let complaint = text(&output.stderr);
            assert!(output.status.success(), "{}: {complaint}", rung.name);
        }
    }
}

#[test]
fn the_exit_status_is_the_programs() {
    for rung in ["as-called", "container", "pids-max-4"] {
        if let Some(output) = on(rung, &["sh", "-c", "exit 42"]) {
            assert_eq!(output.status.code(), Some(42), "{rung}");
        }
    }
    let missing = on("as-called", &["/proof/no/such/program"]);
    assert!(missing.is_none(), "it cannot be opened");
}
