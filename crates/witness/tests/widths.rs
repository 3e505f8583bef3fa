//! What is shown fits the reader's terminal, and is ASCII where the locale is not UTF-8.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

#[path = "../../runner/tests/widths/mod.rs"]
mod widths;

use widths::{WIDTHS, assert_all_fit, assert_fits, on_terminal, piped};

const PROGRAM: &str = env!("CARGO_BIN_EXE_witness");

#[test]
fn no_line_is_wider_than_told() {
    assert_all_fit(
        PROGRAM,
        &[
            &["run", "--topic", "open-files"],
            &["-v", "--topic", "open-files"],
            &["run", "layers", "lock-owners"],
            &["list"],
            &["explain", "epoll-registers-the-description"],
            &["selftest", "layers"],
        ],
    );
}

#[test]
fn on_a_terminal_the_tour_is_as_wide_as_that() {
    for width in WIDTHS {
        let tour = ["run", "--topic", "open-files"];
        let Some(shown) = on_terminal(PROGRAM, &tour, width, "C.UTF-8") else {
            return;
        };
        assert_fits(&shown, width, "on a terminal");
        assert!(shown.contains("✔ layers"), "{shown}");
        // Where there is room it says what is counted.
        assert_eq!(shown.contains("what is counted"), width == 160, "{shown}");
    }
}

#[test]
fn marks_and_figures_have_a_form_in_ascii() {
    let shown = piped(PROGRAM, &["run", "layers"], 80, "POSIX");
    assert!(
        shown.contains("+ layers") && shown.contains("+--> offset 6"),
        "{shown}"
    );
    let tour = piped(PROGRAM, &["run", "--topic", "open-files"], 80, "POSIX");
    for part in [
        "differ. + holds,\n",
        "- not measured, ! error, * surprises.\n",
    ] {
        assert!(tour.contains(part), "{part}: {tour}");
    }
    assert!(tour.is_ascii() && !tour.contains("\\u{"), "{tour}");
    if let Some(shown) = on_terminal(PROGRAM, &["run", "layers"], 80, "C") {
        assert!(shown.is_ascii() && shown.contains("+ layers"), "{shown}");
    }
}

/// JSON is UTF-8 in every locale.
#[test]
fn a_document_is_the_same_in_every_locale() {
    let list = |locale| piped(PROGRAM, &["list", "--json"], 80, locale);
    assert_eq!(list("C"), list("C.UTF-8"));
    assert!(list("C").contains('…'), "a pattern of an act");
}
