//! The outputs that the documents show are what the tools print, figures masked.

#[path = "../../runner/tests/outputs/mod.rs"]
mod outputs;

use outputs::{assert_alike, printed, shown};

const PROGRAM: &str = env!("CARGO_BIN_EXE_spinlock");

/// The text without what is said of the windows of this run.
fn without_remarks(text: &str) -> String {
    let is_table = |line: &&str| !line.contains(" windows of ");
    let lines = text.lines().take_while(is_table);
    lines.map(|line| line.to_owned() + "\n").collect()
}

fn assert_alike_but_for_remarks(shown: &str, printed: &str) {
    assert_alike(&without_remarks(shown), &without_remarks(printed), |_| {
        false
    });
}

/// Two regimes of short windows have the lines of ten of long ones.
#[test]
fn compare_prints_what_the_documents_show() {
    let short = printed(
        PROGRAM,
        &[
            "compare",
            "--threads",
            "1,2",
            "--critical",
            "0",
            "--think",
            "0",
            "--rounds",
            "1",
        ],
    );
    let command = "spinlock compare --seed 5";
    let whole = shown(
        "docs/examples/spinlock-compare.txt",
        command,
        "What we are seeing",
    );
    assert_alike_but_for_remarks(&whole, &short);
    // The chapter begins with the table of multiples.
    let (_, multiples) = short.split_once("\nTime per operation").unwrap_or_default();
    let chapter = shown("docs/spinlock.md", command, "```");
    let multiples = format!("Time per operation{multiples}");
    assert_alike_but_for_remarks(&chapter, &multiples);
}

#[test]
fn handover_prints_what_the_documents_show() {
    let shown = shown("docs/spinlock.md", "spinlock handover", "```");
    let printed = printed(PROGRAM, &["handover", "--tries", "5"]);
    let sentence = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    assert_alike(&sentence(&shown), &sentence(&printed), |_| false);
}
