//! The sections that every manual page has: the tests of all binaries look for them.

/// The page has all its sections.
pub fn assert_all_there(page: &str, command: &[&str]) {
    for section in [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "EXIT STATUS",
        "EXAMPLES",
        "SEE ALSO",
    ] {
        let there = [format!(".SH {section}\n"), format!(".SH \"{section}\"\n")];
        let is_there = there.iter().any(|it| page.contains(it));
        assert!(is_there, "{command:?}: no {section} in\n{page}");
    }
}
