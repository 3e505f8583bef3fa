//! Names that deceive a terminal, in what is shown and in what is refused.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

#[path = "../../runner/tests/hostile/mod.rs"]
mod hostile;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use hostile::{Programs, assert_refuses, shown, with_each_name};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_address-space");

#[test]
fn inspect_shows_each_name_on_its_line_and_keeps_its_bytes() {
    let Some(programs) = Programs::start("inspect") else {
        return;
    };
    for (pid, name) in programs.pids().iter().zip(hostile::NAMES) {
        let [text, _] = shown(PROGRAM, &["inspect", "--maps", pid]);
        let head = text.lines().next().expect("a line");
        assert!(head.starts_with(&format!("process {pid} (")), "{head}");
        let mut command = Command::new(PROGRAM);
        let output = command.args(["inspect", "--json", pid]).output();
        let json = output.expect("it runs").stdout;
        let json: Value = serde_json::from_slice(&json).expect("JSON");
        let bytes = |fields: &Value, key: &str| match str::from_utf8(name) {
            Ok(_) => fields[key].as_str().expect("a string").to_owned(),
            Err(_) => fields[format!("{key}_bytes")]
                .as_str()
                .expect("bytes")
                .to_owned(),
        };
        let expected = match str::from_utf8(name) {
            Ok(name) => name.to_owned(),
            Err(_) => name.iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        // 15 bytes at most, and every name here has fewer.
        assert_eq!(bytes(&json, "command"), expected);
        let mut mappings = json["mappings"].as_array().expect("an array").iter();
        let code = mappings
            .find(|mapping| mapping["part"] == "code")
            .expect("its code");
        assert!(bytes(code, "path").ends_with(&expected), "{code}");
        let path = present::foreign_text::escape(OsStr::from_bytes(name));
        assert!(text.contains(&format!("/{path}")), "{path}: {text}");
    }
}

#[test]
fn what_is_recorded_and_replayed_may_have_any_name() {
    let Some(programs) = Programs::start("record") else {
        return;
    };
    for path in programs.paths() {
        let trace = path.with_extension("trace");
        std::fs::write(&trace, b"a 1 10\x1b[31m\nFORGED\n").expect("written");
        let words = ["replay".as_ref(), trace.as_os_str()];
        let [_, error] = shown(PROGRAM, &words);
        assert_eq!(error.lines().count(), 1, "{error:?}");
        std::fs::write(&trace, b"a 1 10\nf 1\n").expect("written");
        shown(PROGRAM, &words);
        // valgrind, where it is installed, says more than a line.
        let words = ["record", "--output", "/nonexistent/trace", "--"].map(AsRef::as_ref);
        shown(PROGRAM, &[&words[..], &[path.as_os_str()]].concat());
    }
}

#[test]
fn an_argument_that_is_refused_is_shown_harmlessly() {
    for (words, argument) in [
        (&["inspect"][..], "{}"),
        (&["inspect", "1", "--svg"], "/nonexistent/{}"),
        (&["replay"], "/nonexistent/{}"),
        (&["replay", "--generate"], "{}"),
        (&["replay", "--generate", "pareto", "--arena"], "{}"),
        (
            &["replay", "--generate", "pareto", "--svg"],
            "/nonexistent/{}",
        ),
        (
            &["replay", "--generate", "pareto", "--save"],
            "/nonexistent/{}",
        ),
        (&["record"], "/nonexistent/{}"),
        (&["record"], "--output=/nonexistent/{}"),
    ] {
        assert_refuses(PROGRAM, &with_each_name(words, argument));
    }
}
