//! What is shown fits the reader's terminal, and is ASCII where the locale is not UTF-8.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

#[path = "../../runner/tests/widths/mod.rs"]
mod widths;

#[test]
fn no_table_is_wider_than_told() {
    widths::assert_all_fit(
        env!("CARGO_BIN_EXE_spinlock"),
        &[
            &[
                "compare",
                "--locks",
                "test-and-set,std",
                "--threads",
                "2",
                "--critical",
                "0",
                "--rounds",
                "1",
            ],
            &["claims", "one-instruction"],
        ],
    );
}
