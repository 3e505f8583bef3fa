//! The tools as a user runs them: real programs, good and bad input, exit statuses.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_address-space");

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that refuses its input early closes the pipe; that is no fault of the test.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn replayed(input: &str) -> Value {
    let output = run(&["replay", "-", "--json"], input.as_bytes());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(arguments: &[&str], input: &[u8], message: &str) {
    let output = run(arguments, input);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains(message), "`{message}` in: {error}");
    assert!(output.stdout.is_empty());
}

fn policy<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["policies"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["policy"] == name)
        .unwrap()
}

#[test]
fn three_forms_say_the_same() {
    let plain = "a 0 100\na 1 50\nf 0\nr 1 60\na 2 90\n";
    let rep = format!("20000\n3\n5\n1\n{plain}");
    let valgrind = "\
==7== Memcheck, a memory error detector
--7-- malloc(100) = 0x1000
--7-- calloc(5,10) = 0x2000
--7-- calloc(1099511627776,1099511627776)free(0x1000)
--7-- free(0x0)
--7-- realloc(0x2000,60) = 0x3000
--7-- malloc(18446744073709551615)Argument 'size' of function malloc has a fishy value: -1
--7--  = 0x0
--7-- calloc(1099511627776,1099511627776)
--7-- realloc(0x3000,4611686018427387904) = 0x0
--7-- realloc(0x0,90)malloc(90) = 0x4000
--8-- malloc(5) = 0x4000
==7== ERROR SUMMARY: 0 errors
";
    let (plain, rep, valgrind) = (replayed(plain), replayed(&rep), replayed(valgrind));
    assert_eq!(plain["trace"]["operations"], 5);
    assert_eq!(plain["trace"]["peak_live_bytes"], 150);
    assert_eq!(plain["policies"], rep["policies"]);
    assert_eq!(plain["policies"], valgrind["policies"]);
    assert_eq!(
        valgrind["trace"]["notes"][0],
        "1 operations of forked processes, left out"
    );
}

#[test]
fn a_request_that_fails_with_enough_free() {
    // Three blocks of 10, the outer two freed: 20 free, and no 20 in a row.
    let trace = "a 0 10\na 1 10\na 2 10\nf 0\nf 2\na 3 20\n";
    let report = replayed(trace);
    let first = policy(&report, "first fit");
    assert_eq!(report["trace"]["peak_live_bytes"], 30);
    assert_eq!(first["smallest_arena_bytes"], 40);
    assert_eq!(first["given_arena"]["failures_with_enough_free"], 1);
    let compacted = policy(&report, "compacted");
    assert_eq!(compacted["smallest_arena_bytes"], 30);
    assert_eq!(compacted["moved_bytes"], 10);
    assert_eq!(
        policy(&report, "paging 512 B")["smallest_arena_bytes"],
        3 * 512
    );
}

#[test]
fn the_floor_itself_is_tried() {
    // Next fit and worst fit have no bound from above, and a thousandth of this is more than a
    // byte.
    let report = replayed("a 0 140737488355328\n");
    for row in report["policies"].as_array().unwrap() {
        assert_eq!(row["smallest_arena_of_peak"], 1.0, "{}", row["policy"]);
    }
}

#[test]
fn the_smallest_arena_is_confirmed_by_a_run_in_it() {
    for kind in ["segments", "uniform", "pareto", "powers", "phases"] {
        let generate = [
            "replay",
            "--generate",
            kind,
            "--operations",
            "2000",
            "--page-sizes",
            "4K",
            "--json",
        ];
        let report: Value = serde_json::from_slice(&run(&generate, b"").stdout).unwrap();
        for row in report["policies"].as_array().unwrap() {
            let arena = row["smallest_arena_bytes"].to_string();
            let again = run(
                &[&generate[..], &["--no-search", "--arena", &arena]].concat(),
                b"",
            );
            let again: Value = serde_json::from_slice(&again.stdout).unwrap();
            let name = row["policy"].as_str().unwrap();
            let failures = &policy(&again, name)["given_arena"]["failures"];
            assert_eq!(failures, 0, "{kind}: {name} in {arena} bytes");
        }
    }
}

#[test]
fn bad_traces_are_refused_with_the_line() {
    let replay: &[&str] = &["replay", "-"];
    refused(replay, b"", "the trace is empty");
    refused(replay, b"# nothing\n", "no allocation in 1 lines");
    refused(
        replay,
        b"hello\n",
        "line 1: no form of trace begins with \"hello\"",
    );
    refused(replay, b"a 0 1\na 1\n", "line 2: size in bytes is missing");
    refused(replay, b"a 0 1\nf 9\n", "line 2: block 9 is not live");
    refused(replay, b"a 0 1\nf 9", "line 2: block 9 is not live");
    refused(
        replay,
        b"--1-- malloc(8) = 0x10\n--1-- mallo(8) = 0x20\n",
        "line 2: \"mallo(8) = 0x20\" is a call that is not known",
    );
    refused(
        replay,
        b"1\n1\n1\n1\na 0 8\nf 0\n",
        "line 6: one operation more than the 1 that the header announces",
    );
    refused(
        replay,
        b"a 10 5\na 10 6\n",
        "line 2: block 10 is allocated twice",
    );
    refused(
        replay,
        b"1\n1\n2\n1\na 10 5\na 10 6\n",
        "line 6: block 10 is allocated twice",
    );
    refused(
        replay,
        b"--1-- malloc(5) = 0x4A8B040\n--1-- malloc(6) = 0x4A8B040\n",
        "line 2: block 0x4A8B040 is allocated twice",
    );
    refused(
        replay,
        b"a 0 99999999999999999\n",
        "line 1: 99999999999999999 bytes: more than",
    );
    refused(
        replay,
        b"--1-- malloc(8) = 0x10\n--1-- mal\n--1-- malloc(8\n",
        "line 3: ",
    );
    refused(
        replay,
        b"\x7fELF\0\0\0",
        "line 1: holds NUL bytes: binary data",
    );
    refused(replay, &[b'x'; 10_000], "line 1: is longer than 4096 bytes");
    refused(replay, b"\xff\xfe\n", "line 1: is not UTF-8");
    refused(
        &["replay", "-", "--page-sizes", "4K,512,4096"],
        b"a 0 1\n",
        "--page-sizes: 4096 bytes (4 KiB) given more than once",
    );
    for size in ["3", "8", "5K"] {
        refused(
            &["replay", "-", "--page-sizes", size],
            b"a 0 1\n",
            "it takes powers of two from 16 bytes",
        );
    }
    refused(
        &["inspect", "1", "--json", "--svg", "/dev/stdout"],
        b"",
        "--svg /dev/stdout is standard output, where the result goes",
    );
    refused(&["replay", "/nonexistent/trace"], b"", "/nonexistent/trace");
    refused(&["replay", "/"], b"", "is a directory");
    refused(
        &[
            "replay",
            "--generate",
            "uniform",
            "--real",
            "--arena",
            "100T",
        ],
        b"",
        "more than half of the available memory",
    );
}

#[test]
fn broken_off_traces_are_marked() {
    let cut = replayed("--1-- malloc(8) = 0x10\n--1-- malloc(8) = 0x1");
    assert_eq!(cut["trace"]["operations"], 1);
    assert_eq!(cut["trace"]["partial"], "the trace breaks off in line 2");
    let half = replayed("a 1 100\na 2 20");
    assert_eq!(half["trace"]["partial"], "the trace breaks off in line 2");
    let short = replayed("1\n2\n3\n4\na 0 8\na 1 8\n");
    assert!(
        short["trace"]["partial"]
            .as_str()
            .unwrap()
            .contains("announces 3 operations")
    );
    let text = run(&["replay", "-"], b"a 0 8\nf");
    assert!(
        String::from_utf8_lossy(&text.stdout).contains("PARTIAL: the trace breaks off in line 2")
    );
}

#[test]
fn a_saved_load_replays_as_it_was_generated() {
    let path = temporary::folder().join(format!("witness-trace-{}", std::process::id()));
    let file = path.to_str().unwrap();
    let svg = format!("{file}.svg");
    let generate = [
        "replay",
        "--generate",
        "phases",
        "--operations",
        "2000",
        "--json",
    ];
    let first = run(
        &[&generate[..], &["--save", file, "--real", "--svg", &svg]].concat(),
        b"",
    );
    let again = run(&["replay", file, "--json"], b"");
    let picture = std::fs::read_to_string(&svg);
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_file(&svg).unwrap();
    let first: Value = serde_json::from_slice(&first.stdout).unwrap();
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(first["policies"], again["policies"]);
    for (row, real) in first["policies"]
        .as_array()
        .unwrap()
        .iter()
        .zip(first["real_memory"].as_array().unwrap())
    {
        assert_eq!(
            row["given_arena"]["failures"], real["failures"],
            "{}",
            row["policy"]
        );
    }
    let picture = picture.unwrap();
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"));
    assert_eq!(
        picture.matches("<title>").count(),
        9,
        "its own, and those of seven policies and one page size"
    );
}

#[test]
fn record_says_how_to_get_valgrind() {
    let output = Command::new(PROGRAM)
        .args(["record", "--", "true"])
        .env("PATH", "/nonexistent")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("install valgrind"));
}

#[test]
fn inspect_looks_at_a_living_process() {
    let mut sleeper = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = sleeper.id().to_string();
    // Wait until it is the program and no longer the copy of this one.
    let comm = format!("/proc/{pid}/comm");
    while std::fs::read_to_string(&comm).unwrap() != "sleep\n" {
        std::thread::yield_now();
    }
    let output = run(&["inspect", &pid, "--json"], b"");
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["command"], "sleep");
    let parts: Vec<&str> = report["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["part"].as_str().unwrap())
        .collect();
    assert!(
        parts.contains(&"code") && parts.contains(&"stack"),
        "{parts:?}"
    );
    assert!(report["address_space"]["largest_request"].as_u64().unwrap() > 1 << 40);
    refused(&["inspect", &pid], b"", "no such process");
}

#[test]
fn inspect_refuses_what_has_no_memory() {
    refused(&["inspect", "4194304"], b"", "no such process");
    let stat = std::fs::read_to_string("/proc/2/stat").unwrap_or_default();
    if stat.contains("(kthreadd)") {
        refused(&["inspect", "2"], b"", "is a kernel thread");
    }
}

#[test]
fn system_counts_free_memory() {
    let output = run(&["system", "--json"], b"");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for zone in report["zones"].as_array().unwrap() {
        let orders = zone["orders"].as_array().unwrap();
        let free: u64 = orders
            .iter()
            .map(|order| order["block"].as_u64().unwrap() * order["free_blocks"].as_u64().unwrap())
            .sum();
        assert_eq!(zone["free"], free);
        assert_eq!(
            orders[0]["unusable"], 0.0,
            "a single page can always be had"
        );
    }
}
