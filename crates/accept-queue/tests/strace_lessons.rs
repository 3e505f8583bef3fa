//! Runs the strace lessons of this topic and looks for the calls that they announce.
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs a lesson on the binary that was built for this test.
fn lesson(name: &str) -> Output {
    let bin = Path::new(env!("CARGO_BIN_EXE_accept-queue"))
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
fn one_connection_wakes_one() {
    check(
        "strace-accept-wakes-one",
        &[
            ("listen(", "listen("),
            ("connect(", "connect("),
            ("accept4(", "accept4("),
            ("# The one worker", "# Each worker that sleeps in poll"),
        ],
    );
}

#[test]
fn the_herd_in_epoll() {
    check(
        "strace-herd-epoll",
        &[
            ("EPOLLEXCLUSIVE", "events=EPOLLIN,"),
            ("connect(", "connect("),
            ("= 1", "= 1"),
            ("# It takes", "EAGAIN"),
        ],
    );
}

#[test]
fn help_and_a_wrong_argument() {
    for name in ["strace-accept-wakes-one", "strace-herd-epoll"] {
        let run = |argument| {
            let mut command = Command::new(script(name));
            command.arg(argument).output().expect("bash runs")
        };
        assert!(run("-h").status.success());
        assert!(String::from_utf8_lossy(&run("-h").stdout).contains("Usage:"));
        assert_eq!(run("--wrong").status.code(), Some(2));
    }
}
