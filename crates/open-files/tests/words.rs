//! The shared command line, put to the test on this binary.

#[path = "../../runner/tests/words/mod.rs"]
mod words;

words::test_words!(words::Binary {
    name: "open-files",
    path: env!("CARGO_BIN_EXE_open-files"),
    run: "claims",
    claim: "layers",
    tools: &["map"],
    names: None,
});
