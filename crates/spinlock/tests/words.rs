//! The shared command line, put to the test on this binary.

#[path = "../../runner/tests/words/mod.rs"]
mod words;

words::test_words!(words::Binary {
    name: "spinlock",
    path: env!("CARGO_BIN_EXE_spinlock"),
    run: "claims",
    claim: "one-instruction",
    tools: &["compare", "doctor", "handover"],
    names: Some(("locks", "parking-lot")),
});
