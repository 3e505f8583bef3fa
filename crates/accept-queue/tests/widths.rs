//! What is shown fits the reader's terminal, and is ASCII where the locale is not UTF-8.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

#[path = "../../runner/tests/widths/mod.rs"]
mod widths;

#[test]
fn no_table_is_wider_than_told() {
    widths::assert_all_fit(
        env!("CARGO_BIN_EXE_accept-queue"),
        &[
            &[
                "herd",
                "--strategy",
                "epoll-level",
                "--workers",
                "2",
                "--connections",
                "20",
            ],
            &[
                "herd",
                "--details",
                "--strategy",
                "blocking",
                "--workers",
                "2",
                "--connections",
                "20",
            ],
            &["claims", "backlog-plus-one"],
        ],
    );
}
