//! Names that deceive a terminal, in what is shown and in what is refused.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

#[path = "../../runner/tests/hostile/mod.rs"]
mod hostile;

use hostile::{assert_refuses, with_each_name};

#[test]
fn an_argument_that_is_refused_is_shown_harmlessly() {
    for (words, argument) in [
        (&["compare", "--locks"][..], "{}"),
        (&["compare", "--threads"], "{}"),
        (&["compare", "--svg"], "/nonexistent/{}"),
        (&["doctor", "--threads"], "{}"),
        (&["handover"], "{}"),
        (&["claims"], "{}"),
    ] {
        assert_refuses(
            env!("CARGO_BIN_EXE_spinlock"),
            &with_each_name(words, argument),
        );
    }
}
