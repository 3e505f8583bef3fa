//! Manual pages and completions of `proof`: a whole page for every subcommand.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

use std::process::Command;

#[path = "../../manual/tests/sections/mod.rs"]
mod sections;

fn stdout(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_proof"))
        .args(arguments)
        .output();
    let output = output.expect("proof runs");
    assert!(
        output.status.success(),
        "{arguments:?}: {:?}",
        output.stderr
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The subcommands below `path`, as help lists them.
fn subcommands(path: &[&str]) -> Vec<String> {
    let help = stdout(&[path, &["--help"]].concat());
    let (_, list) = help.split_once("Commands:\n").unwrap_or_default();
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

fn assert_whole(path: &[&str]) {
    let page = stdout(&[&["generate", "man"], path].concat());
    sections::assert_all_there(&page, path);
    let help = stdout(&[path, &["--help"]].concat());
    assert!(!help.contains(['{', '}']), "a name is missing: {help}");
    for name in subcommands(path) {
        assert_whole(&[path, &[name.as_str()]].concat());
    }
}

#[test]
fn every_subcommand_has_a_whole_page() {
    let trials = subcommands(&[]);
    assert!(trials.len() > 10, "{trials:?}");
    assert_whole(&[]);
}

#[test]
fn shells_complete_the_trials() {
    for shell in ["bash", "zsh", "fish", "elvish"] {
        let script = stdout(&["generate", "completions", shell]);
        assert!(
            script.contains("ladder") && script.contains("sabotage"),
            "{shell}"
        );
    }
}
