//! The README's output is what the program prints, figures masked.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(
    clippy::expect_used,
    reason = "what cannot be read has failed the test"
)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Digits become `#`, and a run of them one, since inode numbers and versions differ in length;
/// so do the blanks that align what follows.
fn masked(line: &str) -> String {
    let mut masked = String::new();
    for c in line.chars() {
        let c = if c.is_ascii_digit() { '#' } else { c };
        if !(matches!(c, '#' | ' ') && masked.ends_with(c)) {
            masked.push(c);
        }
    }
    masked.trim_end().to_owned()
}

/// The lines that the README shows below `command`.
fn shown(command: &str) -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).expect("README.md");
    let (_, rest) = readme.split_once(command).expect(command);
    let (shown, _) = rest.split_once("```").expect("the block ends");
    shown.lines().map(masked).collect()
}

#[test]
fn the_readme_shows_real_output() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).expect("README.md");
    let shown = readme
        .split_once("$ cargo run --release\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .map(|(shown, _)| shown)
        .expect("the README shows a run");
    let output = Command::new(env!("CARGO_BIN_EXE_witness"))
        .args(["run", "layers", "fork-shares-description"])
        .output()
        .expect("witness runs");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let printed: Vec<String> = printed.lines().map(masked).collect();
    // What stands above the legend names the machine.
    let is_machine = |line: &&str| !line.starts_with("Each number");
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
        .args(["ask", "others-stay-asleep"])
        .env("COLUMNS", "80")
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
    let shown = shown("$ echo 0 | cargo run --release -- ask others-stay-asleep\n");
    assert_eq!(shown, printed);
}
