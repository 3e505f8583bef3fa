//! Outputs that documents show: what a program prints today has the same lines, figures masked.
#![allow(dead_code, reason = "each test uses what it needs")]
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Words that stand beside figures, and for figures.
const FIGURES: [&str; 13] = [
    "-", "%", "B", "KiB", "MiB", "GiB", "TiB", "ns", "us", "ms", "s", "x", "short",
];

/// What `document`, a path from the root of the workspace, shows behind `command`, up to a line
/// that begins with `end`.
pub fn shown(document: &str, command: &str, end: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(document);
    let text = fs::read_to_string(path).expect("a document");
    let (_, rest) = text
        .split_once(&format!("$ {command}\n"))
        .unwrap_or_else(|| panic!("{document} has no `$ {command}`"));
    let lines = rest.lines().take_while(|line| !line.starts_with(end));
    lines.map(|line| line.to_owned() + "\n").collect()
}

/// What a program prints into a file, as wide as its tables are.
pub fn printed(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .env_remove("COLUMNS");
    let output = command.output().expect("the program runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Both texts have lines of the same shapes, but for those that are `optional`: it is asked with
/// the shape.
pub fn assert_alike(shown: &str, printed: &str, optional: fn(&str) -> bool) {
    let shapes = |text: &str| -> BTreeSet<String> {
        let shapes = text.lines().map(shape);
        shapes
            .filter(|it| !it.is_empty() && !optional(it))
            .collect()
    };
    let (shown, printed) = (shapes(shown), shapes(printed));
    let gone: Vec<_> = shown.difference(&printed).collect();
    let new: Vec<_> = printed.difference(&shown).collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "shown, and not printed: {gone:#?}\nprinted, and not shown: {new:#?}"
    );
    assert!(!shown.is_empty(), "nothing is shown");
}

/// A line with `#` for each row of figures, their units, and what stands for a figure. The mark of
/// a disturbed row goes, too.
fn shape(line: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in line.trim_start_matches("! ").split_whitespace() {
        let bare = word.trim_end_matches([',', ';', '.', ':', ')']);
        let is_figure = FIGURES.contains(&bare) || word.contains(|c: char| c.is_ascii_digit());
        match is_figure {
            true if words.last() == Some(&"#") => {}
            true => words.push("#"),
            false => words.push(word),
        }
    }
    words.join(" ")
}
