//! Traces that are not kept: read again, spooled, interrupted, recorded by halves.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

#[path = "../../harness/tests/inherited_signals/mod.rs"]
mod inherited_signals;
#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use replay::{Policy, ReplayOptions};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_address-space");

/// How many rows a whole report has.
fn policies() -> usize {
    Policy::all(&ReplayOptions::default().page_sizes).len()
}

/// A directory of this test's own, which must be empty in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let name = format!("witness-{name}-{}", std::process::id());
        let path = temporary::folder().join(name);
        fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    fn left(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn replay(arguments: &[&str], scratch: &Scratch) -> Child {
    inherited_signals::reset();
    Command::new(PROGRAM)
        .arg("replay")
        .args(arguments)
        .env("TMPDIR", &scratch.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn fed(arguments: &[&str], scratch: &Scratch, input: &[u8]) -> Output {
    let mut child = replay(arguments, scratch);
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn json(output: &Output) -> Value {
    let error = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON; {error}"))
}

#[test]
fn kept_read_again_and_spooled_are_the_same() {
    let scratch = Scratch::new("spool");
    let trace = scratch.0.join("trace");
    let file = trace.to_str().unwrap();
    let generate = ["--generate", "phases", "--operations", "3000", "--json"];
    let kept = json(&fed(
        &[&generate[..], &["--save", file]].concat(),
        &scratch,
        b"",
    ));
    let text = fs::read(&trace).unwrap();
    let again = json(&fed(&[file, "--keep", "0", "--json"], &scratch, b""));
    assert_eq!(kept["policies"], again["policies"]);
    fs::remove_file(&trace).unwrap();
    for keep in ["0", "1", "2999", "3000"] {
        let spooled = json(&fed(&["-", "--keep", keep, "--json"], &scratch, &text));
        assert_eq!(kept["policies"], spooled["policies"], "--keep {keep}");
        assert_eq!(kept["search"], "yes");
    }
    assert!(scratch.left().is_empty(), "files left");
    fs::remove_dir(&scratch.0).unwrap();
    let refused = fed(&["-", "--keep", "0"], &scratch, &text);
    let error = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        error.contains("create a temporary file in") && error.contains("set TMPDIR"),
        "{error}"
    );
    // What is kept needs no file.
    assert!(fed(&["-"], &scratch, &text).status.success());
}

#[test]
fn an_interrupted_pipe_is_replayed_as_far_as_it_was_read() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let scratch = Scratch::new(&format!("interrupted-{signal}"));
        let mut child = replay(&["-", "--json", "--keep", "100"], &scratch);
        let mut pipe = child.stdin.take().unwrap();
        // Far more than a pipe holds: when it is written, most of it is read, and signals are held
        // back.
        let lines: String = (0..40_000).map(|i| format!("a {i} 100\nf {i}\n")).collect();
        pipe.write_all(lines.as_bytes()).unwrap();
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        // The pipe stays open: the end comes from the signal alone.
        let output = child.wait_with_output().unwrap();
        drop(pipe);
        assert_eq!(output.status.code(), Some(128 + signal as i32));
        let report = json(&output);
        let partial = report["trace"]["partial"].as_str().unwrap();
        assert!(
            partial.starts_with(&format!("interrupted by {signal} after ")),
            "{partial}"
        );
        assert!(report["trace"]["operations"].as_u64().unwrap() > 10_000);
        assert_eq!(report["search"], "no");
        assert_eq!(report["policies"].as_array().unwrap().len(), policies());
        assert_eq!(report["policies"][0]["given_arena"]["failures"], 0);
        assert!(scratch.left().is_empty(), "files left");
    }
}

#[test]
fn an_interrupted_replay_of_a_short_trace_shows_what_it_has() {
    let scratch = Scratch::new("short");
    for more in [&["--no-search"][..], &[]] {
        // Shorter than the largest chunk, and seconds of work.
        let load = ["--generate", "pareto", "--operations", "500000", "--json"];
        let child = replay(&[&load[..], more].concat(), &scratch);
        let status = format!("/proc/{}/status", child.id());
        let holds_back = || {
            let text = fs::read_to_string(&status).unwrap();
            let mask = text.lines().find_map(|line| line.strip_prefix("SigBlk:"));
            let mask = u64::from_str_radix(mask.unwrap().trim(), 16).unwrap();
            mask & 1 << (Signal::SIGINT as u32 - 1) != 0
        };
        while !holds_back() {
            std::thread::yield_now();
        }
        kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130));
        let report = json(&output);
        let partial = report["trace"]["partial"].as_str().unwrap();
        let done = partial
            .strip_prefix("interrupted by SIGINT after ")
            .unwrap();
        assert!(done.ends_with(" of 500,000 operations"), "{partial}");
        assert!(!done.starts_with("500,000"), "{partial}");
        let rows = report["policies"].as_array().unwrap();
        assert_eq!(rows.len(), policies());
    }
}

/// Runs a command as nohup(1) does, with SIGHUP ignored from the start.
fn without_hangups(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", program]);
    command.args(arguments);
    command
}

#[test]
fn a_hangup_that_is_ignored_ends_no_replay() {
    let mut child = without_hangups(PROGRAM, &["replay", "-", "--json", "--no-search"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // Far more than a pipe holds: when it is written, most of it is read.
    let lines: String = (0..40_000).map(|i| format!("a {i} 100\nf {i}\n")).collect();
    pipe.write_all(lines.as_bytes()).unwrap();
    kill(Pid::from_raw(child.id() as i32), Signal::SIGHUP).unwrap();
    pipe.write_all(b"a 1 100\n").unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let report = json(&output);
    assert!(report["trace"]["partial"].is_null());
    assert_eq!(report["trace"]["operations"], 80_001);
}

/// A path is not all that names a file: a descriptor, a link and a file that is not there yet do,
/// too.
#[test]
fn what_is_read_is_never_written() {
    let scratch = Scratch::new("same");
    let trace = scratch.0.join("trace");
    let text = "a 0 100\nf 0\n";
    fs::write(&trace, text).unwrap();
    let link = scratch.0.join("link");
    std::os::unix::fs::symlink(&trace, &link).unwrap();
    let refused = |arguments: &[&str], why: &str| {
        let output = Command::new(PROGRAM)
            .current_dir(&scratch.0)
            .args(["replay", "--no-search"])
            .args(arguments)
            .stdin(fs::File::open(&trace).unwrap())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(why), "{arguments:?}: {error}");
        assert_eq!(fs::read_to_string(&trace).unwrap(), text, "{arguments:?}");
    };
    for name in ["trace", "./trace", "link", "/dev/stdin"] {
        for option in ["--save", "--svg"] {
            for read in ["-", "trace", "/dev/stdin", "link"] {
                refused(&[read, option, name], "is the trace itself");
            }
        }
    }
    refused(
        &["-", "--save", "new", "--svg", "./new"],
        "are the same file",
    );
    refused(&["-", "--save", "/dev/stdout"], "is standard output");
    refused(
        &["-", "--svg", "/dev/stdout", "--json"],
        "is standard output",
    );
    assert_eq!(scratch.left().len(), 2, "files left");
    let both = ["-", "--save", "/dev/null", "--svg", "/dev/null", "--json"];
    let harmless = fed(&both, &scratch, text.as_bytes());
    assert!(harmless.status.success(), "null(4) keeps nothing");
}

#[test]
fn a_trace_cut_anywhere_is_partial_and_never_refused() {
    let scratch = Scratch::new("cut");
    let whole = "a 1 100\na 12 50\nr 12 60\nf 12\na 7 5\nf 1\n";
    for cut in "a 1 100\n".len()..whole.len() {
        let output = fed(
            &["-", "--json", "--no-search"],
            &scratch,
            &whole.as_bytes()[..cut],
        );
        let report = json(&output);
        let at_an_end = whole.as_bytes()[cut - 1] == b'\n';
        assert_eq!(report["trace"]["partial"].is_null(), at_an_end, "{cut}");
    }
}

/// A valgrind that says what the real one says where nothing can be run here to make it say so.
fn record_under(scratch: &Scratch, script: &str) -> Output {
    fake_valgrind(scratch, script, Command::new(PROGRAM))
}

fn fake_valgrind(scratch: &Scratch, script: &str, mut program: Command) -> Output {
    let valgrind = scratch.0.join("valgrind");
    let log = "for word; do case $word in --log-fd=*) fd=${word#--log-fd=};; esac; done";
    fs::write(&valgrind, format!("#!/bin/sh\n{log}\n{script}\n")).unwrap();
    fs::set_permissions(&valgrind, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", scratch.0.display(), std::env::var("PATH").unwrap());
    program
        .args(["record", "--", "true"])
        .env("PATH", path)
        .output()
        .unwrap()
}

#[test]
fn a_recording_of_nothing_says_why() {
    let scratch = Scratch::new("nothing");
    let hello = "echo '==7== Memcheck, a memory error detector' >&$fd";
    let silent = record_under(&scratch, &format!("{hello}\nexit 3"));
    let error = String::from_utf8_lossy(&silent.stderr);
    assert_eq!(silent.status.code(), Some(3), "the program's");
    assert!(error.contains("valgrind saw no allocation"), "{error}");
    let fatal = "printf '\\nvalgrind:  Fatal error at startup: a function redirection\\n\
                 valgrind:  cannot be set up.\\n' >&$fd";
    let refused = record_under(&scratch, &format!("{hello}\n{fatal}\nexit 1"));
    let error = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{error}");
    let lines =
        "valgrind:  Fatal error at startup: a function redirection\nvalgrind:  cannot be set up.";
    assert!(error.contains("could not run true"), "{error}");
    assert!(error.contains(lines), "{error}");
    assert!(!error.contains("--log-file"), "{error}");
}

#[test]
fn a_recorded_program_that_dies_of_its_own_signal_leaves_a_partial_trace() {
    let scratch = Scratch::new("dies");
    let script = "echo '--7-- malloc(5) = 0x10' >&$fd\nkill -KILL $$";
    let output = record_under(&scratch, script);
    assert_eq!(output.status.code(), Some(137));
    let text = String::from_utf8_lossy(&output.stdout);
    let end = "a 0 5\n# PARTIAL: the program was ended by SIGKILL\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn a_hangup_that_is_ignored_ends_no_recording() {
    let scratch = Scratch::new("hangup");
    let script = "echo '--7-- malloc(5) = 0x10' >&$fd\n\
                  for i in 1 2 3 4 5 6 7 8 9; do kill -HUP $PPID; sh -c :; done\nexit 7";
    let output = fake_valgrind(&scratch, script, without_hangups(PROGRAM, &[]));
    assert_eq!(output.status.code(), Some(7), "the program's");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.ends_with("\na 0 5\n"), "{text}");
}

#[test]
fn a_recording_that_valgrind_gave_up_is_partial() {
    let scratch = Scratch::new("gave-up");
    let script = "{ echo '--7-- malloc(5) = 0x10'; echo; \
                  echo \"valgrind: the 'impossible' happened:\"; \
                  echo 'host stacktrace:'; } >&$fd; exit 1";
    let output = record_under(&scratch, script);
    let text = String::from_utf8_lossy(&output.stdout);
    let end = "a 0 5\n# PARTIAL: valgrind: the 'impossible' happened:\n";
    assert!(text.ends_with(end), "{text}");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("\nhost stacktrace:\n"), "{error}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_interrupted_recording_is_a_whole_file_marked_as_partial() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return;
    }
    inherited_signals::reset();
    let scratch = Scratch::new("record");
    let trace = scratch.0.join("trace");
    // A loop within the shell: the signal ends the program that valgrind runs, and nothing else.
    let mut child = Command::new(PROGRAM)
        .args(["record", "--output"])
        .arg(&trace)
        .args([
            "--",
            "sh",
            "-c",
            "x=1; echo ready; while :; do x=1$x; x=1; done",
        ])
        .env("TMPDIR", &scratch.0)
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let group = Pid::from_raw(child.id() as i32);
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while line != "ready\n" {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "it ended by itself");
    }
    killpg(group, Signal::SIGINT).unwrap();
    let rest: Vec<String> = said.lines().map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(
        rest.iter()
            .any(|line| line.contains("PARTIAL: the program was ended by SIGINT")),
        "{rest:?}"
    );
    assert_eq!(killpg(group, None), Err(Errno::ESRCH), "processes left");
    assert_eq!(scratch.left(), std::slice::from_ref(&trace), "files left");
    let text = fs::read_to_string(&trace).unwrap();
    assert!(text.ends_with("\n# PARTIAL: the program was ended by SIGINT\n"));
    let report = json(&fed(&[trace.to_str().unwrap(), "--json"], &scratch, b""));
    assert_eq!(
        report["trace"]["partial"],
        "the program was ended by SIGINT"
    );
}
