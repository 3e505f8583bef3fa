//! Runs the strace lesson of this topic and looks for the calls that it announces.
#![expect(clippy::expect_used, reason = "what cannot start has failed")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/strace-mutex-sleeps-spinlock-burns")
}

fn lesson(arguments: &[&str]) -> Output {
    let bin = Path::new(env!("CARGO_BIN_EXE_spinlock"))
        .parent()
        .expect("a folder");
    Command::new(script())
        .args(arguments)
        .env("WITNESS_BIN", bin)
        .output()
        .expect("bash runs")
}

#[test]
fn the_mutex_sleeps_and_the_spinlock_burns() {
    let output = lesson(&[]);
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    if output.status.code() == Some(2)
        && (err.contains("is missing") || err.contains("may not trace"))
    {
        assert!(
            err.contains("install it") || err.contains("allow ptrace"),
            "{err}"
        );
        return;
    }
    let (experiment, control) = out
        .split_once("\nEXPERIMENT\n")
        .and_then(|(_, rest)| rest.split_once("\nCONTROL\n"))
        .unwrap_or_else(|| panic!("both arms are shown: {out}\n{err}"));
    assert!(
        experiment.contains("getrusage(RUSAGE_THREAD"),
        "{experiment}"
    );
    assert!(
        !experiment.contains("FUTEX_WAIT_PRIVATE, 2"),
        "the spinner made a call: {experiment}"
    );
    assert!(control.contains("FUTEX_WAIT_PRIVATE, 2"), "{control}");
    assert!(control.contains("FUTEX_WAKE_PRIVATE"), "{control}");
}

#[test]
fn help_and_a_wrong_argument() {
    assert!(String::from_utf8_lossy(&lesson(&["-h"]).stdout).contains("Usage:"));
    assert_eq!(lesson(&["--wrong"]).status.code(), Some(2));
}
