//! The shared command line, put to the test on this binary.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

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
