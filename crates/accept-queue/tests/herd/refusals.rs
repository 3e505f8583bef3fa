//! What cannot be measured: wrong arguments, limits, and what single rows lack.

use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;

use super::{BINARY, descriptor_limit, herd, number};
use crate::loopback;

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
    let document = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{document}");
    assert!(document.contains("a burst of 8 does not fit"), "{document}");
}

#[test]
fn bounds_decide_the_exit_status() {
    if loopback::is_down() {
        return;
    }
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
    let violation = String::from_utf8_lossy(&broken.stderr);
    assert!(
        violation.contains("poll, 4 workers: wakeups is"),
        "{violation}"
    );
}

#[test]
fn bad_input_is_reported() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let cases: &[(&[&str], &str)] = &[
        (&["--workers", "0"], "from 1 to"),
        (
            &["--json", "--svg", "/dev/stdout"],
            "--svg /dev/stdout is standard output, where the result goes",
        ),
        (
            &["--trace", "/tmp/herd", "--svg", "/tmp/../tmp/herd"],
            "are the same file: two documents for one file",
        ),
        (&["--strategy", "epol"], "no strategy `epol`"),
        (&["--pace", "burst=0"], "burst"),
        (&["--assert", "sleep<1"], "no metric `sleep`"),
        (&["--connections", "0"], "from 1 to"),
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
    for (arguments, expected) in cases {
        let output = herd(arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(
            text.contains(expected) && !text.contains("panicked"),
            "{arguments:?}: {text}"
        );
    }
}

#[test]
fn limits_are_reported_before_anything_is_forked() {
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
    if loopback::is_down() {
        return;
    }
    // 8 workers may be forked, and nothing is left for the tracepoint.
    let (rows, status) = rows_within(96, "--workers 8 --strategy blocking --connections 20");
    assert_eq!(status, Some(0));
    assert_eq!(rows[0]["evidence"], "counters");
    assert_eq!(number(&rows[0], "connections"), 20.0);
}

#[test]
fn what_one_row_lacks_does_not_end_the_others() {
    if loopback::is_down() {
        return;
    }
    if descriptor_limit() < 2048 {
        return; // select can be given no descriptor here that it does not take
    }
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
    if loopback::is_down() {
        return;
    }
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
