//! How this program was called, so that a command that it names can be given again.

use present::foreign_text::escape;

/// How the program was called: the path by which a shell found it need not be among those that a
/// shell searches. Its bare name where a line with `room` columns is too short for the call.
pub fn program_name(name: &str, room: usize) -> String {
    let called = std::env::args_os().next().map(escape).unwrap_or_default();
    as_called(called, name, room)
}

fn as_called(called: String, name: &str, room: usize) -> String {
    match called.is_empty() || called.chars().count() > room {
        true => name.to_owned(),
        false => called,
    }
}

/// The command `program words`, with a blank between them where that fits into `room` columns;
/// else the words stand in the next line, behind `indent`, as a shell reads it.
pub(crate) fn join_words(program: &str, words: &str, room: usize, indent: &str) -> String {
    match program.chars().count() + 1 + words.chars().count() <= room {
        true => format!("{program} {words}"),
        false => format!("{program} \\\n{indent}{words}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_named_wherever_a_line_has_room_for_it() {
        let long = "/home/somebody/src/witness/target/debug/witness";
        let named = |called: &str, room| as_called(called.to_owned(), "witness", room);
        assert_eq!(named(long, long.len()), long);
        assert_eq!(named(long, long.len() - 1), "witness");
        assert_eq!(named("", 80), "witness");
    }

    #[test]
    fn what_does_not_fit_goes_on_in_the_next_line() {
        assert_eq!(
            join_words("a/witness", "run layers", 20, "    "),
            "a/witness run layers"
        );
        let two_lines = "a/witness \\\n    run layers";
        assert_eq!(join_words("a/witness", "run layers", 19, "    "), two_lines);
    }
}
