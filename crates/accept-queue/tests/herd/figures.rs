//! What is measured, and the documents and files that say it.

#[path = "../../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::net::TcpListener;
use std::process::{Command, Stdio};

use prefork::strategies;
use serde_json::Value;

use super::{BINARY, herd, number, rows};
use crate::loopback;

#[test]
fn the_document_has_the_agreed_fields() {
    if loopback::is_down() {
        return;
    }
    let arguments = "--json --strategy blocking --workers 2 --connections 20";
    let output = herd(&arguments.split(' ').collect::<Vec<_>>());
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let keys = document.as_object().expect("an object").keys();
    assert_eq!(keys.collect::<Vec<_>>(), ["schema", "kernel", "rows"]);
    let rows = &document["rows"];
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
    if loopback::is_down() {
        return;
    }
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
    if loopback::is_down() {
        return;
    }
    let rows = rows(&["--workers", "2", "--connections", "10"]);
    assert_eq!(rows.len(), strategies::ALL.len());
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
    if loopback::is_down() {
        return;
    }
    for pace in ["back-to-back", "burst=2"] {
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
fn files_for_others_to_open() {
    if loopback::is_down() {
        return;
    }
    let folder = temporary::folder().join(format!("herd-{}", std::process::id()));
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

#[test]
fn two_meters_do_not_disturb_each_other() {
    if loopback::is_down() {
        return;
    }
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
