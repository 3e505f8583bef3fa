//! The README's output is what the program prints, figures masked.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]

use std::path::Path;
use std::process::Command;

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
