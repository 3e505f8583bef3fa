//! Names that deceive a terminal, in what is shown and in what is refused.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

#[path = "../../runner/tests/hostile/mod.rs"]
mod hostile;

use std::ffi::OsString;
use std::fs;

use hostile::{Programs, assert_refuses, shown, with_each_name};

const PROGRAM: &str = env!("CARGO_BIN_EXE_witness");

#[test]
fn an_argument_that_is_refused_is_shown_harmlessly() {
    for (words, argument) in [
        (&[][..], "{}"),
        (&["run"], "{}"),
        (&["run", "--topic"], "{}"),
        (&["run", "layers", "--html"], "/nonexistent/{}"),
        (&["report"], "/nonexistent/{}"),
        (
            &["report", "/nonexistent/page.html", "--from"],
            "/nonexistent/{}",
        ),
        (&["ask"], "{}"),
        (&["explain"], "{}"),
        (&["strace"], "{}"),
        (&["selftest"], "{}"),
        (&["diff", "/nonexistent"], "/nonexistent/{}"),
        (&["generate", "completions"], "{}"),
        (&["generate", "man"], "{}"),
    ] {
        assert_refuses(PROGRAM, &with_each_name(words, argument));
    }
}

/// A document that somebody sent: its texts are theirs, and so is its name.
#[test]
fn documents_are_compared_whatever_they_and_their_files_are_called() {
    let Some(programs) = Programs::start("diff") else {
        return;
    };
    let [document, _] = shown(PROGRAM, &["run", "--json", "layers"]);
    let changed = document
        .replace("\"holds\"", "\"not_measured\"")
        .replace(
            "\"why\": null",
            r#""why": "\u001b[31m\nFORGED \u202e | `x` <b>""#,
        )
        .replace("\"kernel\": \"", r#""kernel": "\u001b]2;t\u0007\nFORGED "#);
    for path in programs.paths() {
        let (one, other) = (path.with_extension("one.json"), path.with_extension("json"));
        fs::write(&one, &document).expect("written");
        fs::write(&other, &changed).expect("written");
        for form in [&[][..], &["--markdown"]] {
            let mut line: Vec<OsString> = vec!["diff".into()];
            line.extend(form.iter().map(Into::into));
            line.extend([one.clone().into(), other.clone().into()]);
            let [text, _] = shown(PROGRAM, &line);
            assert!(text.contains("layers"), "{text}");
        }
    }
}

/// The program's own name stands in what claims say, and in the commands that it names.
#[test]
fn a_copy_of_the_program_under_any_name_runs() {
    let Some(programs) = Programs::start("copies") else {
        return;
    };
    for path in programs.paths() {
        let copy = path.with_extension("witness");
        fs::copy(PROGRAM, &copy).expect("copied");
        let Some(copy) = copy.to_str() else { continue };
        for words in [&["--help"][..], &["list"], &["run", "logical-parts"]] {
            shown(copy, words);
        }
    }
}
