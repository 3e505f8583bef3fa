//! The shared command line, put to the test on this binary.

#[path = "../../runner/tests/words/mod.rs"]
mod words;

words::test_words!(words::Binary {
    name: "witness",
    path: env!("CARGO_BIN_EXE_witness"),
    run: "run",
    claim: "layers",
    tools: &[],
    names: None,
});
