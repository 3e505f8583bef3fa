//! The meter from outside: what it prints, how it ends, what it leaves behind.
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

use std::io::Read;
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

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

/// Sends `signal` to `run`, which must end with its status and with nothing left behind; returns the
/// JSON document.
fn ended_by(signal: Signal, mut run: Run, workers: &[Pid]) -> Value {
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
fn interrupted(run: Run, workers: &[Pid]) -> String {
    let document = ended_by(Signal::SIGINT, run, workers);
    let note = document["rows"][0]["note"].as_str();
    note.unwrap_or_default().to_owned()
}

/// A meter that would run for hours, once it has forked `workers` workers.
fn long_run(strategy: &str, workers: usize) -> (Run, Vec<Pid>) {
    let run = start(strategy, workers);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let children = children(run.0.id());
        if children.len() == workers && children.iter().all(|&pid| accepts(pid)) {
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
fn accepts(pid: Pid) -> bool {
    let status = observe::status::of(pid.as_raw()).unwrap_or_default();
    status.voluntary_switches > 3
}

fn has_ended(pid: Pid) -> bool {
    observe::status::of(pid.as_raw()).is_err()
}

fn wait_until(what: &str, mut shown: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !shown() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn the_document_has_the_agreed_fields() {
    let rows = rows(&[
        "--strategy",
        "blocking",
        "--workers",
        "2",
        "--connections",
        "20",
    ]);
    let row = rows[0].as_object().expect("an object");
    let keys: Vec<&str> = row.keys().map(String::as_str).collect();
    let agreed = "strategy workers connections pace evidence wakeups_per_connection \
                  wakeups_kernel_per_connection wasted_in_kernel wasted_visible \
                  eagain_per_connection switches_per_connection cpu_us_per_connection latency_us \
                  accepted_min accepted_max jain note";
    assert_eq!(keys, agreed.split_whitespace().collect::<Vec<_>>());
    let latency = rows[0]["latency_us"].as_object().expect("an object");
    assert_eq!(
        latency.keys().collect::<Vec<_>>(),
        ["p50", "p99", "p999", "max"]
    );
}

#[test]
fn wake_one_wakes_one_and_the_herd_wakes_all() {
    let strategies = "blocking,epoll-exclusive,reuseport,poll,select,epoll-level";
    for workers in ["2", "8"] {
        let arguments = [
            "--strategy",
            strategies,
            "--workers",
            workers,
            "--connections",
            "50",
        ];
        for row in rows(&arguments) {
            let name = row["strategy"].as_str().expect("a name");
            let wakeups = number(&row, "wakeups_per_connection");
            if ["blocking", "epoll-exclusive", "reuseport"].contains(&name) {
                assert!((wakeups - 1.0).abs() < 1e-9, "{row}");
            } else {
                assert!(wakeups >= 0.98 * number(&row, "workers"), "{row}");
            }
            if row["evidence"] == "kernel" {
                let kernel = number(&row, "wakeups_kernel_per_connection");
                assert!((wakeups - kernel).abs() <= 0.01 * kernel, "{row}");
            }
            let wasted = number(&row, "wasted_in_kernel") + number(&row, "wasted_visible");
            assert!(
                (wakeups - wasted - 1.0).abs() < 0.05,
                "each connection needed one: {row}"
            );
        }
    }
}

#[test]
fn every_strategy_is_measured_or_says_why_not() {
    let rows = rows(&["--workers", "2", "--connections", "10"]);
    assert_eq!(rows.len(), 17);
    for row in &rows {
        let measured = row["wakeups_per_connection"].is_f64();
        assert!(
            measured || row["note"].as_str().is_some_and(|note| !note.is_empty()),
            "{row}"
        );
        assert!(!measured || number(row, "accepted_max") >= 5.0, "{row}");
    }
}

#[test]
fn other_paces() {
    for pace in ["back-to-back", "burst=4"] {
        let arguments = [
            "--pace",
            pace,
            "--strategy",
            "blocking",
            "--connections",
            "40",
        ];
        let rows = rows(&arguments);
        assert_eq!(rows[0]["pace"], pace);
        assert_eq!(number(&rows[0], "connections") as u64, 40);
        // Counted in one pass, timed in the other, and each once.
        assert!(
            number(&rows[0], "wakeups_per_connection") <= 1.2,
            "{}",
            rows[0]
        );
        assert!(number(&rows[0], "cpu_us_per_connection") > 0.0);
        assert!(number(&rows[0]["latency_us"], "p50") > 0.0);
    }
}

#[test]
fn a_burst_must_fit_the_queue() {
    let output = herd(&[
        "--strategy",
        "blocking",
        "--pace",
        "burst=8",
        "--backlog",
        "6",
        "--json",
    ]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("a burst of 8 does not fit"), "{told}");
}

#[test]
fn bounds_decide_the_exit_status() {
    let row = [
        "--strategy",
        "poll",
        "--workers",
        "4",
        "--connections",
        "20",
    ];
    let kept = herd(&[&row[..], &["--assert", "wakeups>=3.9"]].concat());
    assert_eq!(kept.status.code(), Some(0));
    let broken = herd(&[&row[..], &["--assert", "wakeups<=1.01,jain>=0"]].concat());
    assert_eq!(broken.status.code(), Some(1));
    let told = String::from_utf8_lossy(&broken.stderr);
    assert!(told.contains("poll, 4 workers: wakeups is"), "{told}");
}

#[test]
fn files_for_others_to_open() {
    let folder = std::env::temp_dir().join(format!("herd-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (svg, trace) = (folder.join("herd.svg"), folder.join("herd.json"));
    let output = Command::new(BINARY)
        .args([
            "herd",
            "--strategy",
            "poll",
            "--workers",
            "3",
            "--connections",
            "10",
            "--csv",
        ])
        .args([
            "--svg".as_ref(),
            svg.as_os_str(),
            "--trace".as_ref(),
            trace.as_os_str(),
        ])
        .output()
        .expect("it runs");
    let csv = String::from_utf8_lossy(&output.stdout);
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(
        std::fs::read_to_string(svg)
            .expect("a picture")
            .ends_with("</svg>\n")
    );
    let text = std::fs::read_to_string(trace).expect("a trace");
    let trace: Value = serde_json::from_str(&text).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("events");
    let named = |name: &str| events.iter().filter(|event| event["name"] == name).count();
    assert_eq!(
        (
            named("process_name"),
            named("thread_name"),
            named("accepted")
        ),
        (1, 3, 10)
    );
    let accepted = events.iter().filter(|event| event["name"] == "accepted");
    let accepted = accepted.filter_map(|event| event["args"]["accepted"].as_u64());
    assert_eq!(accepted.sum::<u64>(), 10, "the warm-up is not in it");
    let wasted = named("wasted, in the kernel, at some time here") + named("wasted, visible");
    assert!(wasted >= 15, "of 30 wakeups 10 got a connection: {wasted}");
    for event in events.iter().filter(|event| event["ph"] == "X") {
        assert!(
            number(event, "dur") >= 0.0 && number(event, "ts") > 0.0,
            "{event}"
        );
    }
    std::fs::remove_dir_all(folder).expect("removed");
}

/// Waits until `worker` has slept and woken some more.
fn goes_on(worker: Pid) {
    let before = observe::status::of(worker.as_raw())
        .expect("alive")
        .voluntary_switches;
    wait_until("the others go on", || {
        let now = observe::status::of(worker.as_raw());
        now.is_ok_and(|now| now.voluntary_switches > before + 20)
    });
}

#[test]
fn a_killed_worker_is_told_and_the_run_goes_on() {
    let (run, workers) = long_run("blocking", 4);
    kill(workers[1], Signal::SIGKILL).expect("killed");
    // It goes on: the others keep accepting.
    goes_on(workers[2]);
    let note = interrupted(run, &workers);
    assert!(
        note.contains("worker 1") && note.contains("died after"),
        "{note}"
    );
    assert!(note.contains("interrupted after"), "{note}");
}

#[test]
fn a_worker_hears_a_sigterm_of_its_own() {
    let (run, workers) = long_run("blocking", 3);
    kill(workers[0], Signal::SIGTERM).expect("signalled");
    wait_until("the worker ends", || {
        // A zombie until the meter has asked it for its counts.
        observe::status::of(workers[0].as_raw()).map_or(true, |now| matches!(now.state, 'Z' | 'X'))
    });
    goes_on(workers[2]);
    let note = interrupted(run, &workers);
    assert!(
        note.contains("worker 0") && note.contains("died after"),
        "{note}"
    );
}

#[test]
fn a_stopped_worker_is_told_and_the_row_kept() {
    let (mut run, workers) = long_run("blocking", 3);
    let switches = || observe::status::of(workers[2].as_raw()).map(|now| now.voluntary_switches);
    let before = switches().expect("alive");
    // Past the warm-up.
    wait_until("connections are counted", || {
        switches().is_ok_and(|now| now > before + 20)
    });
    kill(workers[1], Signal::SIGSTOP).expect("stopped");
    let mut printed = String::new();
    let mut out = run.0.stdout.take().expect("a pipe");
    out.read_to_string(&mut printed).expect("its output");
    assert_eq!(run.0.wait().expect("it ends").code(), Some(0));
    let document: Value = serde_json::from_str(&printed).expect("JSON");
    let row = &document["rows"][0];
    let note = row["note"].as_str().expect("a note");
    assert!(
        note.contains("worker 1") && note.contains("is stopped") && note.contains("ends after"),
        "{note}"
    );
    assert!(number(row, "connections") >= 10.0, "{row}");
    assert!(number(row, "wakeups_per_connection") > 0.9, "{row}");
    assert!(workers.iter().all(|&pid| has_ended(pid)));
}

#[test]
fn an_interrupt_is_heard_while_a_stopped_worker_is_waited_for() {
    let (run, workers) = long_run("blocking", 3);
    kill(workers[1], Signal::SIGSTOP).expect("stopped");
    wait_until("the meter waits for the stopped worker", || {
        observe::status::of(workers[1].as_raw()).is_ok_and(|now| now.state == 'T')
    });
    let note = interrupted(run, &workers);
    assert!(note.contains("interrupted after"), "{note}");
}

#[test]
fn an_interrupt_is_heard_while_workers_are_forked() {
    let run = start("blocking", 800);
    wait_until("the first are forked", || children(run.0.id()).len() > 4);
    let workers = children(run.0.id());
    interrupted(run, &workers);
}

#[test]
fn a_worker_stopped_before_anything_is_counted_is_told() {
    // Stopped before it was ever ready, or while the first connections are made.
    let mut run = start("blocking", 3);
    wait_until("they are forked", || children(run.0.id()).len() == 3);
    let workers = children(run.0.id());
    kill(workers[1], Signal::SIGSTOP).expect("stopped");
    let mut printed = String::new();
    let mut out = run.0.stdout.take().expect("a pipe");
    out.read_to_string(&mut printed).expect("its output");
    run.0.wait().expect("it ends");
    let document: Value = serde_json::from_str(&printed).expect("JSON");
    let note = document["rows"][0]["note"].as_str().expect("a note");
    assert!(
        note.contains("worker 1") && note.contains("is stopped"),
        "{note}"
    );
    assert!(workers.iter().all(|&pid| has_ended(pid)));
}

/// Every strategy at 500 connections, once the workers of the first row have been reaped and others
/// are forked; with the workers that there are then.
fn run_in_a_later_row(start: &mut Command) -> (Run, Vec<Pid>) {
    start.args(["--workers", "4", "--connections", "500"]);
    let process = start.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let run = Run(process.expect("it starts"));
    let all_forked = || Some(children(run.0.id())).filter(|workers| workers.len() == 4);
    let mut first = None;
    wait_until("the first row is measured", || {
        first = first.take().or_else(all_forked);
        let now = all_forked();
        first.is_some() && now.is_some() && now != first
    });
    let workers = children(run.0.id());
    (run, workers)
}

#[test]
fn a_signal_keeps_the_rows_that_were_measured() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let (run, workers) = run_in_a_later_row(Command::new(BINARY).args(["herd", "--json"]));
        let document = ended_by(signal, run, &workers);
        let partial = document["partial"].as_str().expect("a reason");
        assert!(partial.starts_with(&format!("{signal} ended")), "{partial}");
        assert!(partial.ends_with(" of 17 rows"), "{partial}");
        let rows = document["rows"].as_array().expect("rows");
        let whole = rows.iter().filter(|row| row["connections"] == 500);
        assert!((1..17).contains(&whole.count()), "{document}");
    }
}

#[test]
fn the_table_says_that_it_is_partial() {
    let (mut run, _) = run_in_a_later_row(Command::new(BINARY).arg("herd"));
    kill(Pid::from_raw(run.0.id() as i32), Signal::SIGHUP).expect("signalled");
    let (mut table, mut errors) = (String::new(), String::new());
    let mut out = run.0.stdout.take().expect("a pipe");
    out.read_to_string(&mut table).expect("its output");
    let mut error = run.0.stderr.take().expect("a pipe");
    error.read_to_string(&mut errors).expect("its errors");
    assert!(
        table.starts_with("PARTIAL: SIGHUP ended the run"),
        "{table}"
    );
    assert!(errors.contains("PARTIAL: SIGHUP"), "{errors}");
}

#[test]
fn a_signal_that_is_ignored_at_the_start_stays_ignored() {
    let mut nohup = Command::new("/bin/bash");
    nohup.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", BINARY, "herd"]);
    let (mut run, workers) = run_in_a_later_row(&mut nohup);
    // Both are pending when the meter looks next, and SIGHUP, the lower number, would come first.
    kill(Pid::from_raw(run.0.id() as i32), Signal::SIGHUP).expect("signalled");
    kill(Pid::from_raw(run.0.id() as i32), Signal::SIGTERM).expect("signalled");
    let mut table = String::new();
    let mut out = run.0.stdout.take().expect("a pipe");
    out.read_to_string(&mut table).expect("its output");
    assert_eq!(run.0.wait().expect("it ends").code(), Some(143));
    assert!(table.starts_with("PARTIAL: SIGTERM ended"), "{table}");
    assert!(workers.iter().all(|&pid| has_ended(pid)));
}

#[test]
fn a_killed_meter_leaves_no_worker() {
    let (mut run, workers) = long_run("poll", 3);
    run.0.kill().expect("killed");
    run.0.wait().expect("it ends");
    wait_until("the workers die with it", || {
        workers.iter().all(|&pid| has_ended(pid))
    });
}

#[test]
fn two_meters_do_not_disturb_each_other() {
    let start = || {
        Command::new(BINARY)
            .args([
                "herd",
                "--strategy",
                "blocking,poll",
                "--workers",
                "4",
                "--connections",
                "50",
            ])
            .args(["--assert", "wakeups<=4.1", "--json"])
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts")
    };
    let (mut one, mut other) = (start(), start());
    assert!(one.wait().expect("it ends").success());
    assert!(other.wait().expect("it ends").success());
}

#[test]
fn bad_input_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let cases: &[(&[&str], &str)] = &[
        (&["--workers", "0"], "1.."),
        (&["--strategy", "epol"], "no strategy `epol`"),
        (&["--pace", "burst=0"], "burst"),
        (&["--assert", "sleep<1"], "no metric `sleep`"),
        (&["--connections", "0"], "1.."),
        (
            &["--pace", "back-to-back", "--trace", "/dev/null"],
            "back-to-back",
        ),
        (&["--strategy", "blocking", "--listen", &address], &address),
        (
            &[
                "--trace",
                "/nowhere/at/all",
                "--strategy",
                "blocking",
                "--connections",
                "1",
            ],
            "/nowhere/at/all",
        ),
    ];
    for (arguments, told) in cases {
        let output = herd(arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(
            text.contains(told) && !text.contains("panicked"),
            "{arguments:?}: {text}"
        );
    }
}

#[test]
fn limits_are_told_before_anything_is_forked() {
    let output = Command::new("/bin/bash")
        .args([
            "-c",
            "ulimit -n 200; exec \"$0\" herd --workers 100 --strategy blocking",
            BINARY,
        ])
        .output()
        .expect("bash runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("RLIMIT_NOFILE") && text.contains("100 workers"),
        "{text}"
    );
}

/// The rows of `herd ARGUMENTS --json` with at most `descriptors`, and its exit status.
fn rows_within(descriptors: u32, arguments: &str) -> (Vec<Value>, Option<i32>) {
    let script = format!("ulimit -n {descriptors}; exec \"$0\" herd {arguments} --json");
    let output = Command::new("/bin/bash")
        .args(["-c", &script, BINARY])
        .output()
        .expect("bash runs");
    let text = String::from_utf8_lossy(&output.stderr);
    let document: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {text}"));
    let rows = document["rows"].as_array().expect("rows").clone();
    (rows, output.status.code())
}

#[test]
fn without_room_for_the_tracepoint_the_counters_count() {
    // 8 workers may be forked, and nothing is left for the tracepoint.
    let (rows, status) = rows_within(96, "--workers 8 --strategy blocking --connections 20");
    assert_eq!(status, Some(0));
    assert_eq!(rows[0]["evidence"], "counters");
    assert_eq!(number(&rows[0], "connections"), 20.0);
}

#[test]
fn what_one_row_lacks_does_not_end_the_others() {
    // select takes no descriptor above 1023, and the listener gets the lowest number that is free.
    let script = "ulimit -n 2048; for fd in {3..1030}; do eval \"exec $fd</dev/null\"; done; \
                  exec \"$0\" herd --strategy select,blocking --connections 20 --json";
    let mut command = Command::new("/bin/bash");
    let output = command.args(["-c", script, BINARY]).output();
    let output = output.expect("bash runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let (select, blocking) = (&document["rows"][0], &document["rows"][1]);
    let note = select["note"].as_str().expect("a note");
    assert!(
        note.starts_with("not measured: select") && note.contains("1023"),
        "{note}"
    );
    assert!(select["wakeups_per_connection"].is_null(), "{select}");
    assert_eq!(number(blocking, "connections"), 20.0);
}

#[test]
fn descriptors_that_the_client_lacks_are_the_row_s_own_matter() {
    // One worker may be forked with 68 descriptors, and a client with 65 connections does not fit.
    let somaxconn = std::fs::read_to_string("/proc/sys/net/core/somaxconn").expect("a number");
    if somaxconn.trim().parse::<u32>().expect("a number") < 64 {
        return; // no queue here can hold such a burst, so the client is never asked for it
    }
    let arguments = "--workers 1 --strategy blocking,poll --connections 65 --pace burst=65";
    let (rows, status) = rows_within(68, arguments);
    assert_eq!(status, Some(2), "nothing was measured");
    assert_eq!(rows.len(), 2);
    for row in rows {
        let note = row["note"].as_str().expect("a note");
        assert!(
            note.starts_with("not measured") && note.contains("Too many open files"),
            "{note}"
        );
    }
}

#[test]
fn ipv6() {
    if TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let arguments = [
        "--listen",
        "[::1]:0",
        "--strategy",
        "blocking,reuseport",
        "--connections",
        "10",
    ];
    assert_eq!(rows(&arguments).len(), 2);
}
