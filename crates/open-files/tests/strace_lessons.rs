//! Runs the strace lessons of this topic and looks for the calls that they announce.
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs a lesson on the binary that was built for this test.
fn lesson(name: &str) -> Output {
    let bin = Path::new(env!("CARGO_BIN_EXE_open-files"))
        .parent()
        .expect("a folder");
    Command::new(script(name))
        .env("WITNESS_BIN", bin)
        .output()
        .expect("bash runs")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../scripts")
        .join(name)
}

/// Each of `announced` must stand in the trace, in both of its halves where it is marked so.
fn check(name: &str, announced: &[(&str, &str)]) {
    let output = lesson(name);
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    if output.status.code() == Some(2)
        && (err.contains("is missing") || err.contains("may not trace"))
    {
        // scripts/check installs strace and allows it; elsewhere the clear message is the test.
        assert!(
            err.contains("install it") || err.contains("allow ptrace"),
            "{err}"
        );
        return;
    }
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    let (experiment, control) = out
        .split_once("\nEXPERIMENT\n")
        .and_then(|(_, rest)| rest.split_once("\nCONTROL\n"))
        .unwrap_or_else(|| panic!("both arms are shown: {out}"));
    for (in_experiment, in_control) in announced {
        assert!(
            experiment.contains(in_experiment),
            "{in_experiment} in the experiment:\n{experiment}"
        );
        assert!(
            control.contains(in_control),
            "{in_control} in the control:\n{control}"
        );
    }
}

#[test]
fn fork_shares_offset() {
    check(
        "strace-fork-shares-offset",
        &[
            ("clone(", "clone("),
            ("read(", "openat(AT_FDCWD, \"/proc/self/fd/"),
            ("KCMP_FILE", "KCMP_FILE"),
            ("SEEK_CUR) = 6", "SEEK_CUR) = 0"),
            ("# The CHILD reads", "# The CHILD reads"),
        ],
    );
}

#[test]
fn port_and_socket() {
    check(
        "strace-port-and-socket",
        &[
            ("unshare(CLONE_NEW", "unshare(CLONE_NEW"),
            ("SO_REUSEPORT, [1]", "EADDRINUSE"),
            ("SO_COOKIE", "SO_COOKIE"),
            ("accept4(", "accept4("),
            ("AF_UNSPEC", "AF_UNSPEC"),
            ("# A second namespace", "# The port is refused"),
        ],
    );
}

#[test]
fn help_and_a_wrong_argument() {
    for name in ["strace-fork-shares-offset", "strace-port-and-socket"] {
        let help = Command::new(script(name))
            .arg("-h")
            .output()
            .expect("bash runs");
        assert!(help.status.success());
        assert!(String::from_utf8_lossy(&help.stdout).contains("Usage:"));
        let wrong = Command::new(script(name))
            .arg("--wrong")
            .output()
            .expect("bash runs");
        assert_eq!(wrong.status.code(), Some(2));
    }
}

#[test]
fn without_strace_the_message_says_what_to_install() {
    let script = script("strace-fork-shares-offset");
    let output = Command::new("/bin/bash")
        .args(["-c", "PATH=/nowhere; set --; source \"$0\""])
        .arg(&script)
        .output()
        .expect("bash runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("strace is missing"), "{err}");
}
