//! The meter from outside: what it prints, how it ends, what it leaves behind.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

mod ends;
mod figures;
#[path = "../../../harness/tests/inherited_signals/mod.rs"]
mod inherited_signals;
#[path = "../loopback/mod.rs"]
mod loopback;
mod refusals;

use std::io::Read;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_accept-queue");

fn herd(arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command
        .arg("herd")
        .args(arguments)
        .output()
        .expect("it runs")
}

fn rows(arguments: &[&str]) -> Vec<Value> {
    let output = herd(&[arguments, &["--json"]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["schema"], 1);
    document["rows"].as_array().expect("rows").clone()
}

/// The most descriptors that a process may have here.
fn descriptor_limit() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).expect("a limit").1
}

fn number(row: &Value, key: &str) -> f64 {
    row[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} in {row}"))
}

/// A running meter; dropped, it is killed.
struct Run(Child);

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A meter that would run for hours.
fn start(strategy: &str, workers: usize) -> Run {
    inherited_signals::reset();
    let process = Command::new(BINARY)
        .args([
            "herd",
            "--strategy",
            strategy,
            "--workers",
            &workers.to_string(),
        ])
        .args(["--connections", "100000000", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    Run(process.expect("it starts"))
}

/// Sends `signal` to `run`, which must end with the status of that signal and with nothing left
/// behind; returns the JSON document.
fn document_after(signal: Signal, mut run: Run, workers: &[Pid]) -> Value {
    kill(Pid::from_raw(run.0.id() as i32), signal).expect("signalled");
    let mut printed = String::new();
    let mut out = run.0.stdout.take().expect("a pipe");
    out.read_to_string(&mut printed).expect("its output");
    let status = run.0.wait().expect("it ends").code();
    assert_eq!(status, Some(128 + signal as i32), "{signal}");
    assert!(
        workers.iter().all(|&pid| has_ended(pid)),
        "nothing is left behind"
    );
    serde_json::from_str(&printed).expect("JSON")
}

/// Sends SIGINT to `run` and returns its first row's note.
fn note_after_sigint(run: Run, workers: &[Pid]) -> String {
    let document = document_after(Signal::SIGINT, run, workers);
    let note = document["rows"][0]["note"].as_str();
    note.unwrap_or_default().to_owned()
}

/// A meter that would run for hours, once it has forked `workers` workers.
fn long_run(strategy: &str, workers: usize) -> (Run, Vec<Pid>) {
    let run = start(strategy, workers);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let children = children(run.0.id());
        if children.len() == workers && children.iter().all(|&pid| is_past_its_start(pid)) {
            return (run, children);
        }
        assert!(Instant::now() < deadline, "{children:?}");
        std::thread::yield_now();
    }
}

fn children(pid: u32) -> Vec<Pid> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let text = text.unwrap_or_default();
    text.split_whitespace()
        .map(|pid| Pid::from_raw(pid.parse().expect("a pid")))
        .collect()
}

/// Whether it has slept a few times, and so is past its start.
fn is_past_its_start(pid: Pid) -> bool {
    let status = observe::status::read(pid.as_raw()).unwrap_or_default();
    status.voluntary_switches > 3
}

fn has_ended(pid: Pid) -> bool {
    observe::status::read(pid.as_raw()).is_err()
}

fn wait_until(what: &str, mut shown: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !shown() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}
