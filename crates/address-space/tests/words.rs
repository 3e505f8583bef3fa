//! The shared command line, put to the test on this binary.

#[path = "../../runner/tests/words/mod.rs"]
mod words;

words::test_words!(words::Binary {
    name: "address-space",
    path: env!("CARGO_BIN_EXE_address-space"),
    run: "claims",
    claim: "segments-fit-exactly",
    tools: &["replay", "record", "inspect", "system"],
    names: Some(("generate", "pareto")),
});
