//! A program that does what `witness` must not: the trial must say so.
#![expect(clippy::disallowed_methods, reason = "it runs the program proof")]
#![expect(clippy::expect_used, reason = "what cannot be run has failed the test")]

#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A document of one claim with this verdict.
fn document(verdict: &str) -> String {
    format!(
        r#"echo '{{"claims": [{{"id": "layers", "verdict": "{verdict}", "why": null,
            "duration_ms": 1, "control": {{"observed": {{}}}}}}]}}'"#
    )
}

/// A folder with a program that is this script, and the command that makes one tour of it.
fn trial(name: &str, script: &str) -> (PathBuf, Command) {
    let folder = temporary::folder().join(format!("faults-{name}-{}", std::process::id()));
    fs::create_dir(&folder).expect("a folder");
    let program = folder.join("witness");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("chmod");
    let mut command = Command::new(env!("CARGO_BIN_EXE_proof"));
    command.args([
        "tours",
        "--idle=1",
        "--beside=0",
        "--at-once=0",
        "--witness",
    ]);
    command.arg(&program).env("TMPDIR", &folder);
    (folder, command)
}

/// The exit status of the trial of this script, and what it printed.
fn tour(name: &str, script: &str) -> (Option<i32>, String) {
    let (folder, mut command) = trial(name, script);
    let output = command.output();
    let left: Vec<_> = fs::read_dir(&folder).expect("the folder").collect();
    fs::remove_dir_all(&folder).expect("rm");
    assert_eq!(left.len(), 1, "{name}: the trial left {left:?}");
    let output = output.expect("proof");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), text)
}

#[test]
fn a_tour_in_which_all_holds_is_no_fault() {
    for verdict in ["holds", "holds_with"] {
        let (status, text) = tour(verdict, &document(verdict));
        assert_eq!(status, Some(0), "{text}");
    }
}

#[test]
fn each_fault_is_told() {
    let holds = document("holds");
    for (name, script, told) in [
        (
            "refuted",
            document("refuted") + "; exit 1",
            "layers: refuted",
        ),
        ("error", document("error") + "; exit 2", "layers: error"),
        (
            "unmeasured",
            document("not_measured") + "; exit 4",
            "layers: not_measured",
        ),
        (
            "status",
            format!("{holds}; exit 3"),
            "status 3 instead of status 0",
        ),
        ("silent", "exit 2".to_owned(), "no document, status 2"),
        (
            "killed",
            "kill -9 $$".to_owned(),
            "no document, killed by SIGKILL",
        ),
        (
            "panic",
            format!("echo 'thread main panicked at x' >&2; {holds}"),
            "a panic: ",
        ),
        (
            "file",
            format!("touch \"$TMPDIR/mine\"; {holds}"),
            "left behind: file mine",
        ),
    ] {
        let (status, text) = tour(name, &script);
        assert_eq!(status, Some(1), "{name}: {text}");
        assert!(text.contains(told), "{name}: {text}");
    }
}

/// It is given ten seconds to end, and is ended then.
#[test]
fn a_process_that_is_left_is_told_and_ended() {
    let script = format!("sleep 1000 > /dev/null 2>&1 & {}", document("holds"));
    let (status, text) = tour("process", &script);
    assert_eq!(status, Some(1), "{text}");
    let (_, rest) = text
        .split_once("left behind: process ")
        .expect("it is told");
    let (pid, rest) = rest.split_once(' ').expect("its number");
    assert!(rest.starts_with("(sleep)"), "{text}");
    let gone = !PathBuf::from(format!("/proc/{pid}")).exists();
    assert!(gone, "process {pid} is still there");
}

/// What one pipe can hold is a fraction of a tour's document.
#[test]
fn a_long_document_is_read_whole() {
    let claim = r#"{"id": "layers", "verdict": "holds", "why": null, "duration_ms": 1,
        "control": {"observed": {}}}"#;
    let more = format!("for n in $(seq 3000); do echo ',{claim}'; done");
    let script = format!("echo '{{\"claims\": [{claim}'\n{more}\necho ']}}'");
    let (status, text) = tour("long", &script);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("3001"), "{text}");
}

#[test]
fn a_signal_ends_the_trial_and_what_it_started() {
    let script = "echo $$ > \"$TMPDIR/../pid\"; exec sleep 1000";
    let (folder, mut command) = trial("signal", script);
    let mut trial = command.stderr(Stdio::null()).spawn().expect("proof");
    let running = loop {
        let pid = fs::read_to_string(folder.join("pid")).unwrap_or_default();
        if let Some(pid) = pid.strip_suffix('\n') {
            break PathBuf::from(format!("/proc/{pid}"));
        }
        assert!(trial.try_wait().expect("wait").is_none(), "the trial ended");
        std::thread::yield_now();
    };
    let pid = Pid::from_raw(trial.id() as i32);
    kill(pid, Signal::SIGTERM).expect("kill");
    let output = trial.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(143));
    assert!(!running.exists(), "{} is still there", running.display());
    fs::remove_dir_all(&folder).expect("rm");
}
