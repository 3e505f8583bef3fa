//! The README's output is what the program prints, figures masked.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// A number becomes `#`, with its digits behind a point, and a run of blanks one blank. An ordinary
/// user is shown less of some claims, which then hold with a caveat.
fn masked(line: &str) -> String {
    let line = &line.replacen("~ ", "✔ ", usize::from(line.starts_with("~ ")));
    let mut masked = String::new();
    for c in line.chars() {
        let is_point = c == '.' && masked.ends_with('#');
        let c = if c.is_ascii_digit() || is_point {
            '#'
        } else {
            c
        };
        if !(matches!(c, '#' | ' ') && masked.ends_with(c)) {
            masked.push(c);
        }
    }
    masked.trim_end().to_owned()
}

/// The output of `command` that the README shows.
fn shown(command: &str) -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).expect("README.md");
    readme
        .split_once(&format!("$ {command}\n"))
        .and_then(|(_, rest)| rest.split_once("```"))
        .map(|(shown, _)| shown.to_owned())
        .expect("the README shows a run")
}

/// What the program prints where it was called as by `cargo run --release`.
fn printed(arguments: &[&str], width: &str) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
    command.arg0("target/release/witness").args(arguments);
    command.env("COLUMNS", width).env("LC_ALL", "C.UTF-8");
    let output = command.output().expect("witness runs");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    printed.lines().map(masked).collect()
}

/// What stands above the legend names the machine.
fn is_machine(line: &&str) -> bool {
    !line.starts_with("Predicted before") && !line.starts_with("Each number")
}

/// The tour, a line a claim: a busy machine may not let some of them be measured, and then other
/// findings surprise most.
#[test]
fn the_readme_shows_the_tour() {
    let printed = printed(&[], "80");
    let unmeasured = |line: &str| {
        let id = line.split(' ').nth(1).unwrap_or_default();
        let line = printed
            .iter()
            .find(|line| line.starts_with(&format!("- {id} ")));
        line.is_some_and(|line| line.contains("not measured: "))
    };
    let is_whole = !printed.iter().any(|line| line.contains(" not measured: "));
    let shown = shown("cargo run --release");
    assert_eq!(shown.lines().count(), 67, "47 claims and twenty lines");
    for line in shown.lines().skip_while(is_machine).map(masked) {
        let is_end = line.starts_with("# claims") || line.starts_with(' ');
        let is_excused = unmeasured(&line) || is_end && !is_whole;
        assert!(
            is_excused || printed.contains(&line),
            "not printed: `{line}` in\n{printed:#?}"
        );
    }
}

#[test]
fn the_readme_shows_a_claim_in_detail() {
    let printed = printed(&["run", "layers"], "100");
    let shown = shown("cargo run --release -- run layers");
    let mut position = 0;
    for line in shown.lines().skip_while(is_machine).map(masked) {
        let rest = &printed[position..];
        let found = rest.iter().position(|printed| *printed == line);
        position += 1 + found.unwrap_or_else(|| panic!("not printed: `{line}` in\n{rest:#?}"));
    }
}

#[test]
fn the_readme_shows_a_real_question() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_witness"))
        .arg0("witness")
        .args(["ask", "others-stay-asleep"])
        .env("COLUMNS", "80")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("witness runs");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(b"0\n").expect("written");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let printed: Vec<String> = printed.lines().map(masked).collect();
    let shown = shown("echo 0 | cargo run --release -- ask others-stay-asleep");
    assert_eq!(shown.lines().map(masked).collect::<Vec<_>>(), printed);
}
