//! What a binary shows fits the terminal, whatever its width, and is ASCII where the locale is not
//! UTF-8. The tests of each binary include this file.
#![allow(dead_code, reason = "not each binary needs all of it")]

use std::process::{Command, Output};

/// The widths that are tried, in columns.
pub const WIDTHS: [usize; 4] = [60, 80, 100, 160];

/// The program, in a pipe that is to be drawn for so many columns.
pub fn piped(program: &str, arguments: &[&str], width: usize, locale: &str) -> String {
    let mut command = Command::new(program);
    command.args(arguments).env("COLUMNS", width.to_string());
    command.env("LC_ALL", locale).env_remove("CLICOLOR_FORCE");
    text(command.output().expect("the program runs"))
}

/// The program on a terminal of so many columns: what of each line is left in the end. None where
/// script(1) is missing.
pub fn on_terminal(
    program: &str,
    arguments: &[&str],
    width: usize,
    locale: &str,
) -> Option<String> {
    let line = format!(
        "stty cols {width} rows 40; {program} {}",
        arguments.join(" ")
    );
    let mut command = Command::new("script");
    command
        .args(["-qec", &line, "/dev/null"])
        .env("LC_ALL", locale);
    command
        .env("TERM", "xterm")
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR");
    let output = command.output().ok()?;
    let mut shown = String::new();
    for line in text(output).split_inclusive('\n') {
        // The line of progress begins with a carriage return and is drawn over.
        let line = line.trim_end_matches(['\r', '\n']);
        let last = line.rsplit('\r').next().unwrap_or_default();
        shown += &(without_style(last) + "\n");
    }
    Some(shown)
}

/// Tries each command line at each width, in a pipe, and in the locale C.
pub fn assert_all_fit(program: &str, command_lines: &[&[&str]]) {
    for arguments in command_lines {
        for width in WIDTHS {
            let shown = piped(program, arguments, width, "C.UTF-8");
            assert_fits(&shown, width, &format!("{arguments:?} in a pipe"));
        }
        let shown = piped(program, arguments, WIDTHS[0], "C");
        assert!(shown.is_ascii(), "{arguments:?}: {shown}");
        assert_fits(&shown, WIDTHS[0], &format!("{arguments:?} in the locale C"));
    }
    for (arguments, width) in command_lines.iter().zip(WIDTHS.into_iter().cycle()) {
        if let Some(shown) = on_terminal(program, arguments, width, "C.UTF-8") {
            assert_fits(&shown, width, &format!("{arguments:?} on a terminal"));
        }
    }
}

pub fn assert_fits(shown: &str, width: usize, what: &str) {
    for line in shown.lines() {
        assert!(
            line.chars().count() <= width,
            "{what}, {width} columns: {line}"
        );
        assert_eq!(line, line.trim_end(), "{what}: blanks at the end");
    }
}

fn text(output: Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(!output.stdout.is_empty(), "nothing is shown: {err}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The text without the sequences that begin with ESC [ and end with a letter.
fn without_style(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\x1b' => drop(characters.find(char::is_ascii_alphabetic)),
            _ => plain.push(character),
        }
    }
    plain
}
