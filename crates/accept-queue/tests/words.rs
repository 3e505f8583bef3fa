//! The shared command line, put to the test on this binary.

#[path = "../../runner/tests/words/mod.rs"]
mod words;

words::test_words!(words::Binary {
    name: "accept-queue",
    path: env!("CARGO_BIN_EXE_accept-queue"),
    run: "claims",
    claim: "workers-sleep-on-one-queue",
    tools: &["herd", "serve"],
    names: Some(("strategy", "epoll-exclusive-edge")),
});
