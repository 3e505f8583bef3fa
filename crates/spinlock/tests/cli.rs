//! The command, run as a user runs it.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "what cannot start has failed")]

#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::io::Read as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn spinlock(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spinlock"))
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn json(arguments: &[&str]) -> Value {
    let output = spinlock(arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

fn refused(arguments: &[&str], message: &str) {
    let output = spinlock(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert!(error.contains(message), "{arguments:?}: {error}");
    assert!(!error.contains("panicked"), "{error}");
}

const QUICK: [&str; 5] = ["compare", "--seconds", "0.002", "--rounds", "1"];

fn quick<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&QUICK[..], more].concat()
}

#[test]
fn compare_gives_a_row_for_each_lock_and_regime() {
    let document = json(&[
        "compare",
        "--seconds",
        "0.02",
        "--rounds",
        "1",
        "--threads",
        "1,2",
        "--json",
        "--seed",
        "7",
    ]);
    assert_eq!(document["seed"], 7);
    let rows = document["rows"].as_array().expect("rows");
    let locks = [
        "none",
        "test-and-set",
        "test-and-test-and-set",
        "backoff",
        "yield",
        "ticket",
        "mcs",
        "futex",
        "asymmetric",
        "std",
        "parking-lot",
        "spin",
        "spinning-top",
        "usync",
        "pthread-spin",
        "pthread-mutex",
    ];
    for threads in [1, 2] {
        let of = rows.iter().filter(|row| row["threads"] == threads);
        assert_eq!(of.map(|row| &row["lock"]).collect::<Vec<_>>(), locks);
    }
    for row in rows {
        for key in [
            "critical_ns",
            "think_ns",
            "ns_per_operation",
            "spread",
            "jain",
            "threads_at_zero",
            "cpu_ns_per_operation",
            "wait_max_ns",
            "ratio_to_best",
        ] {
            // On a busy machine no thread may come to an operation within a window.
            let void = row[key].is_null() && row["windows_without_operation"] != 0;
            assert!(row[key].is_number() || void, "{key} of {row}");
        }
    }
    for threads in [1, 2] {
        let ratios = rows
            .iter()
            .filter(|row| row["threads"] == threads && row["lock"] != "none");
        let ratios: Vec<f64> = ratios
            .filter_map(|row| row["ratio_to_best"].as_f64())
            .collect();
        assert!(ratios.iter().all(|&ratio| ratio >= 1.0), "{ratios:?}");
        assert!(ratios.contains(&1.0), "{ratios:?}");
    }
}

#[test]
fn compare_says_what_it_ran_on_and_with() {
    let document = json(&quick(&["--threads", "1", "--json"]));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("proc is mounted");
    assert_eq!(document["kernel"], kernel.trim());
    let cpus = std::fs::read_to_string("/proc/cpuinfo").expect("proc is mounted");
    match document["cpu_model"].as_str() {
        Some(model) => assert!(cpus.contains(&format!(": {model}\n")), "{model}"),
        None => assert!(!cpus.contains("model name"), "{cpus}"),
    }
    let rustc = document["rustc"].as_str().expect("a compiler");
    assert!(rustc.starts_with("rustc 1."), "{rustc}");
    let versions = document["versions"].as_array().expect("versions");
    let version = |lock: &str| {
        let found = versions.iter().find(|version| version["lock"] == lock);
        found.map(|it| format!("{} {}", it["package"], it["version"]).replace('"', ""))
    };
    assert_eq!(version("asymmetric"), None, "ours is of this program");
    let std = version("std").expect("the compiler's");
    assert!(rustc.starts_with(&std.replace("rust ", "rustc ")), "{std}");
    #[cfg(feature = "contenders")]
    for (lock, package) in [
        ("parking-lot", contenders::PARKING_LOT),
        ("spin", contenders::SPIN),
        ("spinning-top", contenders::SPINNING_TOP),
        ("usync", contenders::USYNC),
    ] {
        assert_eq!(version(lock), Some(package.to_string()));
    }
    assert!(document["partial"].is_null(), "it is whole");
}

#[test]
fn what_is_named_twice_is_measured_once() {
    let document = json(&quick(&[
        "--threads",
        "1,1",
        "--locks",
        "std,none,std",
        "--json",
    ]));
    let rows = document["rows"].as_array().expect("rows");
    let locks: Vec<_> = rows.iter().map(|row| &row["lock"]).collect();
    assert_eq!(locks, ["std", "none"]);
}

#[test]
fn compare_draws_a_heat_map() {
    let file = temporary::folder().join(format!("spinlock-{}.svg", std::process::id()));
    let output = spinlock(&quick(&[
        "--threads",
        "1",
        "--locks",
        "std,mcs",
        "--svg",
        file.to_str().expect("UTF-8"),
    ]));
    let svg = std::fs::read_to_string(&file).expect("written");
    std::fs::remove_file(&file).expect("ours");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(svg.starts_with("<svg") && svg.contains(">mcs<"), "{svg}");
    assert!(text.contains("multiple of the best lock's"), "{text}");
    assert!(!text.contains('\x1b'), "colour without a terminal");
    assert!(output.stderr.is_empty(), "progress without a terminal");
}

#[test]
fn a_failed_comparison_leaves_its_file_as_it_was() {
    let folder = temporary::folder().join(format!("spinlock-svg-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder of our own");
    let (old, new) = (folder.join("old.svg"), folder.join("new.svg"));
    std::fs::write(&old, "as it was").expect("written");
    for file in [&old, &new] {
        let output = compare_without_room(&format!("--svg {}", file.display()));
        assert_eq!(output.status.code(), Some(2));
    }
    let left = std::fs::read_to_string(&old).expect("still there");
    let count = std::fs::read_dir(&folder).expect("readable").count();
    refused(
        &quick(&["--threads", "1", "--svg", folder.to_str().expect("UTF-8")]),
        "directory",
    );
    std::fs::remove_dir_all(&folder).expect("ours");
    assert_eq!((left.as_str(), count), ("as it was", 1));
}

/// A quick comparison in a shell that has lowered a limit.
fn quick_under(limit: &str, options: &str) -> Output {
    let (program, quick) = (env!("CARGO_BIN_EXE_spinlock"), QUICK.join(" "));
    let script = format!("{limit}; exec {program} {quick} {options}");
    let output = Command::new("bash").args(["-c", &script]).output();
    output.expect("bash runs")
}

/// Near the end of the addresses a thread would begin, and the process be aborted.
#[test]
fn a_limit_on_addresses_is_named_before_a_thread_begins() {
    let output = quick_under("ulimit -v 600000", "--threads 2000 --locks std");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("RLIMIT_AS (ulimit -v)"), "{error}");
}

#[test]
fn a_limit_on_processes_binds_whom_the_kernel_binds() {
    let output = quick_under("ulimit -u 4", "--threads 8 --locks std");
    let error = String::from_utf8_lossy(&output.stderr);
    // Root, and who has CAP_SYS_RESOURCE, may exceed it: getrlimit(2).
    if observe::credentials::process_limit_binds().expect("/proc is there") {
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("at most 4 threads"), "{error}");
    } else {
        assert!(output.status.success(), "{error}");
    }
}

#[test]
fn bad_input_is_told() {
    refused(
        &quick(&["--json", "--svg", "/dev/stdout"]),
        "--svg /dev/stdout is standard output, where the result goes",
    );
    refused(&["compare", "--threads", "0"], "from 1 to 4096");
    refused(&["compare", "--critical", "1000000000"], "--seconds 10");
    refused(
        &["compare", "--locks", "stdd"],
        "there are: none, test-and-set",
    );
    for wrong in ["-1", "0", "1e18", "nan", "inf"] {
        refused(&["compare", "--seconds", wrong], "from 0.001 to 3600");
    }
    for long in [["--seconds", "3600"], ["--rounds", "100000"]] {
        refused(&[&["compare"], &long[..]].concat(), "more than an hour");
    }
    refused(&["compare", "--threads", "x"], "invalid value");
    refused(
        &quick(&[
            "--threads",
            "1",
            "--locks",
            "std",
            "--svg",
            "/nowhere/x.svg",
        ]),
        "/nowhere/x.svg",
    );
    refused(&["doctor", "--threads", "0"], "from 1 to 4096");
    for wrong in ["0", "1000001"] {
        refused(&["handover", "--tries", wrong], "from 1 to 1000000");
    }
}

/// A comparison of four threads where there is room for the stacks of two. RLIMIT_AS stands in for
/// RLIMIT_NPROC, which root is exempt from: either way the spawn fails with EAGAIN.
fn compare_without_room(options: &str) -> Output {
    let script = format!(
        "ulimit -v 600000; exec {} compare --threads 4 --locks std --seconds 0.01 --rounds 1 \
         {options}",
        env!("CARGO_BIN_EXE_spinlock")
    );
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]);
    // 200 MB a stack: what RLIMIT_AS lets begin is asked for 2 MiB each.
    bash.env("RUST_MIN_STACK", "200000000");
    bash.output().expect("bash runs")
}

#[test]
fn a_thread_that_cannot_be_created_is_told() {
    let output = compare_without_room("");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(
        error.contains("spawn thread") && error.contains("of 4"),
        "{error}"
    );
}

#[test]
fn one_cpu_is_enough_and_is_said() {
    let output = Command::new("taskset")
        .args(["-c", "0", env!("CARGO_BIN_EXE_spinlock")])
        .args(quick(&["--threads", "2", "--locks", "std"]))
        .output();
    let Ok(output) = output else { return }; // util-linux is not everywhere
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        assert!(text.contains("With one CPU"), "{text}");
    }
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spinlock"))
        .args(quick(&["--threads", "1", "--locks", "std"]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let mut error = String::new();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut error)
        .expect("UTF-8");
    assert!(child.wait().expect("ours").success());
    assert_eq!(error, "");
}

#[test]
fn the_doctor_gives_reasons() {
    let document = json(&["doctor", "--threads", "8", "--critical", "1000", "--json"]);
    assert!(
        document["costs"]["pause_ns"]
            .as_f64()
            .is_some_and(|ns| ns > 0.0),
        "{document}"
    );
    let advice = &document["advice"][0];
    assert_eq!(advice["regime"]["threads"], 8);
    assert!(
        advice["lock"].is_string() && !advice["because"][0].is_null(),
        "{advice}"
    );
}

#[test]
fn every_lock_of_a_killed_holder_is_handed_on() {
    let document = json(&["handover", "--tries", "25", "--json"]);
    assert_eq!(document["handed_on"], 25);
    assert_eq!(document["schema"], 1);
}

#[test]
fn no_membarrier_no_asymmetry_but_a_lock() {
    let strace = |arguments: &[&str]| {
        Command::new("strace")
            .args([
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                "inject=membarrier:error=ENOSYS",
            ])
            .args(arguments)
            .output()
    };
    if !strace(&["true"]).is_ok_and(|output| output.status.success()) {
        return; // no strace, or it may not trace here
    }
    let mut arguments = vec![env!("CARGO_BIN_EXE_spinlock")];
    // Long enough for the traced threads to get their turns beside the other tests.
    arguments.extend([
        "compare",
        "--seconds",
        "1",
        "--rounds",
        "1",
        "--critical",
        "0",
    ]);
    arguments.extend(["--threads", "4", "--locks", "asymmetric", "--json"]);
    let output = strace(&arguments).expect("it ran a moment ago");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let row = &document["rows"][0];
    assert!(
        row["ns_per_operation"].as_f64().is_some_and(|ns| ns > 0.0),
        "{row}"
    );
}
