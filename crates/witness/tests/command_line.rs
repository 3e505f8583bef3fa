//! What the command line promises: statuses, suggestions, where text goes and how it looks.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

fn witness(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
    command
        .args(arguments)
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE");
    command
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    status_and_text(witness(arguments).output().expect("witness runs"))
}

fn status_and_text(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn an_unknown_claim_suggests_the_nearest_and_exits_2() {
    for arguments in [
        ["run", "ofset"].as_slice(),
        &["ofset"],
        &["explain", "ofset"],
        &["selftest", "ofset"],
        &["ask", "ofset"],
        &["run", "layers", "ofset"],
    ] {
        let (status, out, err) = run(arguments);
        assert_eq!(status, Some(2), "{arguments:?}");
        assert_eq!(
            err, "error: no claim `ofset`; did you mean `offset`?\n",
            "{arguments:?}"
        );
        assert_eq!(out, "", "nothing runs before the names are known");
    }
    let (status, _, err) = run(&["run", "0xZZZZ"]);
    assert_eq!(status, Some(2));
    assert!(
        err.contains("no claim `0xZZZZ`") && err.contains("list"),
        "{err}"
    );
}

/// A command that stands where a claim should, and one that is mistyped.
#[test]
fn a_command_is_told_from_a_claim_and_exits_2() {
    let (status, out, err) = run(&["layers", "run"]);
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert_eq!(
        err,
        "error: `run` is a command, not a claim: a command comes first, as in `witness run`\n"
    );
    let (status, out, err) = run(&["rnu"]);
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert_eq!(
        err,
        "error: no claim `rnu`; did you mean the command `run`?\n"
    );
}

#[test]
fn an_unknown_topic_suggests_the_nearest_and_exits_2() {
    let (status, out, err) = run(&["run", "--topic", "open-file"]);
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert_eq!(
        err,
        "error: no topic `open-file`; did you mean `open-files`?\n"
    );
}

#[test]
fn an_unknown_option_is_usage_and_exits_2() {
    let (status, out, err) = run(&["--frobnicate"]);
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert!(
        err.contains("--frobnicate") && err.contains("Usage"),
        "{err}"
    );
    assert_eq!(run(&["explain"]).0, Some(2), "explain wants an id");
}

#[test]
fn help_and_version_go_to_stdout() {
    for help in ["-h", "--help"] {
        let (status, out, err) = run(&[help]);
        assert_eq!((status, err.as_str()), (Some(0), ""));
        assert!(
            out.contains("Usage: witness") && out.contains("selftest"),
            "{out}"
        );
    }
    let long = run(&["--help"]).1;
    assert!(long.contains("Exit status:"), "the statuses: {long}");
    for version in ["-V", "--version"] {
        let (status, out, _) = run(&[version]);
        assert_eq!(status, Some(0));
        assert_eq!(out, concat!("witness ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}

#[test]
fn one_claim_runs_alone_and_tells_its_details() {
    let (status, out, err) = run(&["run", "layers"]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(out.contains("layers") && out.contains("control"), "{out}");
    assert!(out.ends_with("1 claim: 1 holds\n"), "{out}");
    let (status, twice, _) = run(&["run", "layers", "layers"]);
    assert_eq!(status, Some(0));
    assert!(
        twice.ends_with("1 claim: 1 holds\n"),
        "named twice, run once: {twice}"
    );
}

#[test]
fn explain_runs_nothing_and_tells_all() {
    let (status, out, _) = run(&["explain", "fork-shares-description"]);
    assert_eq!(status, Some(0));
    for part in [
        "measured",
        "control",
        "predicted",
        "act ",
        "kcmp(2)",
        "example    cargo run -p open-files --example fork_shares_offset\n",
        "lesson     witness strace fork-shares-description; scripts/strace-fork-shares-offset\n",
        "chapter    docs/open-files.md\n",
    ] {
        assert!(out.contains(part), "{part} in {out}");
    }
}

#[test]
fn no_escape_sequences_where_no_terminal_is() {
    for arguments in [
        ["list"].as_slice(),
        &["run", "layers"],
        &["explain", "layers"],
        &["nosuch"],
    ] {
        let (_, out, err) = run(arguments);
        assert!(
            !out.contains('\x1b') && !err.contains('\x1b'),
            "{arguments:?}: {out}{err}"
        );
    }
    // The control: asked for, they are there, unless NO_COLOR is set.
    let coloured = |no_color: bool| {
        let mut command = witness(&["run", "layers"]);
        command.env("CLICOLOR_FORCE", "1");
        if no_color {
            command.env_remove("CLICOLOR_FORCE").env("NO_COLOR", "1");
        }
        status_and_text(command.output().expect("witness runs"))
            .1
            .contains('\x1b')
    };
    assert!(coloured(false), "CLICOLOR_FORCE is honoured");
    assert!(!coloured(true), "NO_COLOR is honoured");
}

#[test]
fn a_full_output_is_an_error() {
    for arguments in [
        ["run", "layers"].as_slice(),
        &["run", "layers", "--json"],
        &["list"],
        &["explain", "layers"],
        &["selftest", "layers"],
        &["ask", "layers"],
    ] {
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full");
        let output = witness(arguments)
            .stdout(full)
            .output()
            .expect("witness runs");
        let (status, _, err) = status_and_text(output);
        assert_eq!(status, Some(2), "{arguments:?}: {err}");
        assert!(
            err.starts_with("error: write to standard output: No space left"),
            "{arguments:?}: {err}"
        );
    }
}

#[test]
fn a_full_standard_error_is_no_panic() {
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let status = witness(&["nosuch"])
        .stderr(full)
        .status()
        .expect("witness runs");
    assert_eq!(status.code(), Some(2));
}

#[test]
fn a_closed_output_is_an_error_and_other_closed_streams_are_none() {
    let cases = [
        (">/dev/null", 0),
        (">&-", 2),
        ("2>&-", 0),
        ("<&-", 0),
        ("<&- >&- 2>&-", 2),
    ];
    for (redirection, expected) in cases {
        let script = format!("exec \"$0\" run layers {redirection}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_witness")]);
        let (status, _, err) = status_and_text(shell.output().expect("sh runs"));
        assert_eq!(status, Some(expected), "{redirection}: {err}");
        assert!(!err.contains("panicked"), "{redirection}: {err}");
        if redirection == ">&-" {
            assert!(err.contains("write to standard output: Bad file"), "{err}");
        }
    }
}

#[test]
fn a_reader_who_goes_away_ends_the_run_quietly() {
    for arguments in [
        ["run"].as_slice(),
        &["list"],
        &["run", "--json"],
        &["selftest"],
    ] {
        let mut child = witness(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("witness runs");
        // Read a line at most, then close the pipe.
        let mut line = String::new();
        let out = child.stdout.take().expect("a pipe");
        if arguments != ["run", "--json"] {
            BufReader::new(out).read_line(&mut line).expect("a line");
        } else {
            drop(out);
        }
        let (status, _, err) = status_and_text(child.wait_with_output().expect("it ends"));
        assert_eq!((status, err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn an_html_file_that_cannot_be_written_is_an_error_before_anything_runs() {
    let (status, out, err) = run(&["run", "layers", "--html", "/nonexistent/report.html"]);
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert!(
        err.contains("open /nonexistent/report.html: No such file"),
        "{err}"
    );
}

#[test]
fn selftest_turns_a_claim() {
    let (status, out, err) = run(&["selftest", "layers"]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("1 of 1 turned"), "{out}");
}

/// Where a filter can be installed at all: a sandbox may refuse another one, and then no lie is
/// told.
#[test]
fn selftest_counts_acts_and_lies() {
    let (status, out, err) = run(&["selftest", "access-mode"]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    for what in ["acts seen", "lies survived"] {
        // Before it stands `1 of 1`: all of them, and there were some, unless no lie can be told.
        let (before, _) = out
            .split_once(&format!(" {what}"))
            .expect("a line of the claim");
        let mut words = before.rsplit(' ');
        let (all, seen) = (words.next(), words.nth(1));
        assert_eq!(seen, all, "{out}");
        assert!(all > Some("0") || what == "lies survived", "{out}");
    }
}

/// In a narrow terminal no line is cut: headings, figures, tables and a selftest fit into it.
#[test]
fn in_60_columns_nothing_is_wider() {
    for arguments in [
        ["run", "layers", "unfair-against-ticket"].as_slice(),
        &["selftest", "layers"],
        &["list"],
        &["explain", "thundering-herd"],
        &[
            "ask",
            "layers",
            "others-stay-asleep",
            "port-is-not-an-object",
        ],
    ] {
        let output = witness(arguments).env("COLUMNS", "60").output();
        let (_, out, err) = status_and_text(output.expect("witness runs"));
        assert!(!out.is_empty(), "{arguments:?}: {err}");
        for line in out.lines() {
            assert!(line.chars().count() <= 60, "{arguments:?}: {line}");
        }
    }
}

/// A stack on which not even the command line could be read.
#[test]
fn a_hard_limit_on_the_stack_still_brings_a_document() {
    let program = env!("CARGO_BIN_EXE_witness");
    let output = Command::new("sh")
        .args(["-c", "ulimit -s 64; exec \"$@\"", "sh", program])
        .args(["run", "--json", "layers", "offset"])
        .output();
    let (status, out, err) = status_and_text(output.expect("sh runs"));
    assert_eq!(status, Some(4), "{err}");
    let document: serde_json::Value = serde_json::from_str(&out).expect("a document");
    for claim in document["claims"].as_array().expect("claims") {
        assert_eq!(claim["verdict"], "not_measured");
        let why = claim["why"].as_str().expect("why");
        assert!(why.contains("RLIMIT_STACK"), "{why}");
    }
}
