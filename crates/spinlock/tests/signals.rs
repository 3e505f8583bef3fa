//! A tool that a signal ends: what was measured by then is printed and marked, nothing is left
//! behind.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "what cannot start has failed")]

#[path = "../../harness/tests/inherited_signals/mod.rs"]
mod inherited_signals;
#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::collections::HashSet;
use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;

use nix::errno::Errno;
use nix::sys::signal::Signal::{self, SIGHUP, SIGINT, SIGTERM};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;

/// A run in a process group of its own, its output in a pipe.
struct Run(Child);

impl Run {
    fn start(arguments: &str) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spinlock"));
        command.args(arguments.split(' '));
        Run::spawn(command)
    }

    fn spawn(mut command: Command) -> Run {
        inherited_signals::reset();
        let command = command.process_group(0).stdout(Stdio::piped());
        Run(command.spawn().expect("it starts"))
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id() as i32)
    }

    /// Its threads but the first.
    fn threads(&self) -> HashSet<String> {
        let main = self.pid().to_string();
        let tasks = fs::read_dir(format!("/proc/{main}/task")).into_iter();
        let names = tasks.flatten().flatten().map(|task| task.file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned());
        names.filter(|name| *name != main).collect()
    }

    /// Its children.
    fn children(&self) -> HashSet<String> {
        let children = format!("/proc/{0}/task/{0}/children", self.pid());
        let listed = fs::read_to_string(children).unwrap_or_default();
        listed.split_whitespace().map(str::to_owned).collect()
    }

    /// Sends `signal` to every process of the group, as a terminal does.
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(-self.pid().as_raw()), signal).expect("it runs");
    }

    /// Its exit status and what it printed. Nothing of its group is left.
    fn end(mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        let mut output = self.0.stdout.take().expect("a pipe");
        output.read_to_string(&mut text).expect("UTF-8");
        let status = self.0.wait().expect("it ends");
        let group = kill(Pid::from_raw(-self.pid().as_raw()), None);
        assert_eq!(group, Err(Errno::ESRCH), "something is left behind");
        (status.code(), text)
    }

    /// As [`Run::end`]; the output is a JSON document.
    fn end_with_json(self) -> (Option<i32>, Value) {
        let (status, text) = self.end();
        let document = serde_json::from_str(&text).expect("one whole document");
        (status, document)
    }
}

/// Waits until `look` shows somebody, and returns whom.
fn until_somebody(look: impl Fn() -> HashSet<String>) -> HashSet<String> {
    loop {
        let seen = look();
        if !seen.is_empty() {
            return seen;
        }
        thread::yield_now();
    }
}

/// Waits until those whom `look` shows are others than at first: what the first were for is done.
fn until_others(look: impl Fn() -> HashSet<String>) {
    let first = until_somebody(&look);
    while !until_somebody(&look).is_disjoint(&first) {
        thread::yield_now();
    }
}

#[test]
fn a_comparison_keeps_the_windows_that_were_whole() {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let svg = temporary::folder().join(format!("{signal}-{}.svg", std::process::id()));
        let plan = "compare --json --seconds 0.2 --rounds 1000 --threads 2 --locks std,mcs --svg";
        let run = Run::start(&format!("{plan} {}", svg.display()));
        until_others(|| run.threads());
        run.signal(signal);
        let (status, document) = run.end_with_json();
        assert_eq!(status, Some(128 + signal as i32), "{document}");
        let partial = &document["partial"];
        assert_eq!(partial["signal"], signal.as_str());
        assert_eq!(partial["windows"], 2002);
        let measured = partial["measured"].as_u64().expect("a number");
        assert!(0 < measured && measured < 2002, "{measured}");
        let rows = document["rows"].as_array().expect("rows");
        assert_eq!(rows.len(), 2, "a row for each lock, measured or not");
        // On a busy machine each window so far may have been refused; that is said, too.
        let is_given = rows.iter().any(|row| row["ns_per_operation"].is_number());
        let all_refused = document["refused"] == partial["measured"];
        assert!(is_given || all_refused, "{document}");
        let drawn = fs::read_to_string(&svg).expect("drawn all the same");
        fs::remove_file(&svg).expect("ours");
        assert!(drawn.trim_end().ends_with("</svg>"), "{drawn}");
    }
}

#[test]
fn a_long_window_is_cut_short_and_does_not_count() {
    // Were it not cut short, this test would last half an hour.
    let run = Run::start("compare --seconds 1700 --rounds 1 --threads 2 --locks ticket");
    until_somebody(|| run.threads());
    run.signal(SIGINT);
    let (status, text) = run.end();
    assert_eq!(status, Some(130), "{text}");
    assert!(
        text.starts_with("PARTIAL: SIGINT ended the run after 0 of 2 windows\n\n"),
        "{text}"
    );
    let row = text.lines().find(|line| line.contains("ticket"));
    let row = row.expect("a row without figures");
    assert!(row.split_whitespace().nth(1) == Some("-"), "{row}");
}

#[test]
fn the_doctor_keeps_the_costs_and_gives_no_advice() {
    if thread::available_parallelism().is_ok_and(|cpus| cpus.get() < 2) {
        return; // with one CPU no cost takes a thread, and nothing shows how far it is
    }
    // The last three costs take some milliseconds each: now and then all are over before the
    // signal.
    for _ in 0..100 {
        let run = Run::start("doctor --json");
        until_somebody(|| run.threads());
        run.signal(SIGTERM);
        let (status, document) = run.end_with_json();
        let partial = &document["partial"];
        if status == Some(143) && partial["measured"] != 7 {
            assert_eq!(
                (&partial["signal"], &partial["costs"]),
                (&"SIGTERM".into(), &7.into())
            );
            assert!(partial["measured"].as_u64() >= Some(4), "{partial}");
            assert!(document["costs"]["pause_ns"].is_number(), "{document}");
            assert!(document["costs"]["membarrier_ns"].is_null(), "{document}");
            assert_eq!(document["advice"], Value::Array(Vec::new()));
            return;
        }
        assert!(status == Some(143) || partial.is_null(), "{document}");
    }
    panic!("in 100 runs none was ended between two costs");
}

#[test]
fn handovers_keep_the_tries_and_leave_no_child() {
    let run = Run::start("handover --json --tries 1000000");
    until_others(|| run.children());
    run.signal(SIGINT);
    let (status, document) = run.end_with_json();
    assert_eq!(status, Some(130), "{document}");
    let measured = document["partial"]["measured"].as_u64().expect("a number");
    assert!(0 < measured && measured < 1_000_000, "{document}");
    assert_eq!(document["partial"]["tries"], 1_000_000);
    assert_eq!(document["tries"], measured);
    assert_eq!(document["handed_on"], measured, "each try was whole");
    assert!(document["median_ns"].is_number(), "{document}");
}

#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    for tool in [
        "compare --json --seconds 0.2 --rounds 1000 --threads 2 --locks std",
        "handover --json --tries 1000000",
    ] {
        let mut nohup = Command::new("sh");
        let script = format!("trap '' HUP; exec \"$0\" {tool}");
        nohup.args(["-c", &script, env!("CARGO_BIN_EXE_spinlock")]);
        let run = Run::spawn(nohup);
        until_somebody(|| &run.threads() | &run.children());
        run.signal(SIGHUP);
        until_others(|| &run.threads() | &run.children());
        run.signal(SIGTERM);
        let (status, document) = run.end_with_json();
        assert_eq!(status, Some(143), "{document}");
        assert_eq!(document["partial"]["signal"], "SIGTERM");
    }
}
