//! The outputs that the documents show are what the program prints, figures masked.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]

#[path = "../../runner/tests/outputs/mod.rs"]
mod outputs;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use outputs::{assert_alike, printed, shown};

const PROGRAM: &str = env!("CARGO_BIN_EXE_witness");

/// Which call comes first is chance, and what is said of the calls is not. A document may show a
/// part of a lesson.
#[test]
fn lessons_say_what_the_documents_show() {
    for (document, claim) in [
        ("docs/open-files.md", "fork-shares-description"),
        ("docs/address-space.md", "lazy-pages"),
        ("docs/spinlock.md", "busy-wait-burns-cpu"),
        ("docs/examples/accept-queue-strace.txt", "exclusive-waiters"),
    ] {
        let mut command = Command::new(PROGRAM);
        command
            .args(["strace", claim])
            .env("COLUMNS", "100")
            .env("LC_ALL", "C.UTF-8");
        let output = command.output().expect("witness runs");
        let error = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(2) && error.contains("strace") {
            return;
        }
        let printed = sentences(&String::from_utf8_lossy(&output.stdout));
        let whole = shown(document, &format!("witness strace {claim}"), "```");
        let shown = sentences(&whole);
        assert!(!shown.is_empty(), "{document}");
        for (arm, sentences) in &shown {
            let gone: Vec<_> = sentences.difference(&printed[arm]).collect();
            assert!(gone.is_empty(), "{document}, {arm}: {gone:#?}");
        }
    }
}

/// What a lesson says of each arm, whatever chance does.
fn sentences(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut arms = BTreeMap::new();
    let mut arm = String::new();
    for line in text.lines() {
        if ["EXPERIMENT", "CONTROL"].contains(&line) {
            line.clone_into(&mut arm);
        } else if line.starts_with("  # ") && !line.contains("too late") {
            let sentences: &mut BTreeSet<String> = arms.entry(arm.clone()).or_default();
            sentences.insert(line.to_owned());
        }
    }
    arms
}

/// Every claim has its line, and the lines of two are as they are printed.
#[test]
fn the_self_test_prints_what_the_documents_show() {
    let whole = shown("docs/examples/truth-selftest.txt", "witness selftest", "$ ");
    let ids = printed(PROGRAM, &["list"]);
    let ids = ids.lines().filter_map(|line| line.strip_prefix("  "));
    for id in ids.filter(|id| !id.starts_with(' ')) {
        let is_there = whole.lines().any(|line| line.split(' ').next() == Some(id));
        assert!(is_there, "{id} is not in docs/examples/truth-selftest.txt");
    }
    let two = ["layers", "offset"];
    let of_two = |text: &str| -> String {
        let lines = text
            .lines()
            .filter(|line| two.iter().any(|id| line.starts_with(id)));
        lines.map(|line| line.to_owned() + "\n").collect()
    };
    let printed = printed(PROGRAM, &["selftest", "layers", "offset"]);
    assert_alike(&of_two(&whole), &of_two(&printed), |_| false);
}
