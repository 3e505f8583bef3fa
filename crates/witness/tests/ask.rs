//! `witness ask`: questions are asked, answers of every kind are taken, claims run, a score ends
//! it; from a pipe and from a terminal.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]
#![expect(
    unsafe_code,
    reason = "a terminal of its own is opened by the C library"
)]

#[path = "../../harness/tests/inherited_signals/mod.rs"]
mod inherited_signals;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Child, Command, Output, Stdio};
use std::ptr::null_mut;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Three questions, one with a number, one with a unit, one with yes or no; and their claims are
/// exact and quick.
const THREE: [&str; 3] = ["layers", "fork-shares-description", "access-mode"];

fn witness(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
    std::os::unix::process::CommandExt::arg0(&mut command, "witness");
    command
        .arg("ask")
        .args(arguments)
        .env("COLUMNS", "80")
        .env_remove("CLICOLOR_FORCE");
    command
}

fn start(mut command: Command) -> Child {
    inherited_signals::reset();
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    piped.stderr(Stdio::piped()).spawn().expect("witness runs")
}

/// What comes of `lines` on standard input.
fn answered(arguments: &[&str], lines: &[u8]) -> String {
    let mut child = start(witness(arguments));
    let mut input = child.stdin.take().expect("a pipe");
    let lines = lines.to_vec();
    // It is refused where the program has stopped reading.
    let writer = std::thread::spawn(move || drop(input.write_all(&lines)));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("written");
    whole(&output, 0)
}

fn whole(output: &Output, status: i32) -> String {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        (output.status.code(), &*error),
        (Some(status), ""),
        "{text}"
    );
    text
}

fn last_score(text: &str) -> &str {
    let score = text.lines().rfind(|line| line.contains("Score: "));
    score.expect(text)
}

#[test]
fn right_and_wrong_answers_are_told_apart() {
    let right = answered(&THREE, b"2\n6 bytes\nno\n");
    assert_eq!(right.matches("  Right.\n").count(), 3, "{right}");
    assert_eq!(last_score(&right), "Score: 3 of 3 right.");
    let wrong = answered(&THREE, b"3\n0\nyes\n");
    assert_eq!(wrong.matches("  Not so.\n").count(), 3, "{wrong}");
    assert_eq!(last_score(&wrong), "Score: 0 of 3 right, 3 wrong.");
    for part in [
        "you         3\n    predicted   2\n    observed    2  (the claim holds)\n    control     3",
        "In a sentence: ",
        "What textbooks get wrong: ",
        "strace -f -e trace=fcntl witness run layers\n",
        "To look at again: layers, fork-shares-description, access-mode.\n",
    ] {
        assert!(wrong.contains(part), "{part}\n{wrong}");
    }
}

#[test]
fn the_answer_is_not_shown_before_the_guess() {
    let text = answered(&["fork-shares-description"], b"6\n");
    let (question, answer) = text.split_once("> 6\n").expect("the answer is echoed");
    assert!(
        !question.contains("predicted") && !question.contains("6 bytes:"),
        "{question}"
    );
    assert!(answer.contains("predicted   6 bytes"), "{answer}");
}

/// Whoever is woken is named by its process id.
#[test]
fn the_processes_that_woke_are_listed() {
    let text = answered(&["others-stay-asleep"], b"8\n");
    assert!(text.contains("worker  pid "), "{text}");
    assert!(last_score(&text).starts_with("Score: 0 of "), "{text}");
}

#[test]
fn nothing_is_needed_to_see_every_answer() {
    for input in [&b""[..], b"\n\n\n", b"\n"] {
        let text = answered(&THREE, input);
        assert_eq!(text.matches("Shown without a guess.").count(), 3, "{text}");
        assert_eq!(last_score(&text), "Score: 0 of 3 right, 3 shown.");
    }
}

#[test]
fn hints_come_twice_and_then_the_answer() {
    let text = answered(&["layers"], b"?\nhint\n2\n");
    assert_eq!(text.matches("Hint: ").count(), 2, "{text}");
    assert!(text.contains("in the control it is 3"), "{text}");
    assert_eq!(last_score(&text), "Score: 1 of 1 right.");
    let text = answered(&["layers"], &b"?\n".repeat(1000));
    assert_eq!(last_score(&text), "Score: 0 of 1 right, 1 shown.");
}

#[test]
fn who_stops_has_a_score() {
    let text = answered(&THREE, b"2\nq\n6\n");
    assert_eq!(last_score(&text), "Score: 1 of 1 right, 2 not answered.");
}

/// Each line is one answer: what comes after it belongs to the next question.
#[test]
fn garbage_is_a_wrong_answer_and_is_shown_escaped() {
    let huge = [b"9".repeat(3 << 20), b"\n6\n\n".to_vec()].concat();
    let hostile = b"\x1b]0;owned\x07\x1b[2J\xff\x00\xe2\x80\xae\n6\n\n";
    let endless = [b"\n6\n".to_vec(), vec![0; 20 << 20]].concat();
    for (lines, score) in [
        (
            &b"banana\n6\n\n"[..],
            "Score: 1 of 3 right, 1 wrong, 1 shown.",
        ),
        (b"2 or 3\n6\n\n", "Score: 1 of 3 right, 1 wrong, 1 shown."),
        (b"-0.5e999\n6\n\n", "Score: 1 of 3 right, 1 wrong, 1 shown."),
        (hostile, "Score: 1 of 3 right, 1 wrong, 1 shown."),
        (&huge, "Score: 1 of 3 right, 1 wrong, 1 shown."),
        (&endless, "Score: 1 of 3 right, 1 wrong, 1 shown."),
        (b"2\r\n6\r\nno\r\n", "Score: 3 of 3 right."),
        (b"2\n6\nno", "Score: 3 of 3 right."),
    ] {
        let text = answered(&THREE, lines);
        assert_eq!(last_score(&text), score, "{text}");
        let is_plain = |letter: char| letter == '\n' || (' '..='~').contains(&letter);
        assert!(text.chars().all(is_plain), "{text}");
        let narrow = |line: &str| line.len() <= 80;
        assert!(text.lines().all(narrow), "{text}");
    }
}

#[test]
fn a_seed_shuffles_and_repeats() {
    let order = |arguments: &[&str]| {
        let text = answered(&[&THREE[..], arguments].concat(), b"");
        let heads = text.lines().filter(|line| line.contains("/3  "));
        heads.map(str::to_owned).collect::<Vec<_>>()
    };
    let plain = order(&[]);
    assert_eq!(plain.len(), 3, "{plain:?}");
    let seeds = ["1", "2", "3", "4", "5"].map(|seed| order(&["--seed", seed]));
    assert_eq!(order(&["--seed", "1"]), seeds[0]);
    assert!(seeds.iter().any(|shuffled| *shuffled != plain), "{seeds:?}");
}

#[test]
fn a_name_without_a_question_is_an_error_that_helps() {
    for (name, error) in [
        ("layer", "error: no claim `layer`; did you mean `layers`?\n"),
        (
            "offset",
            "error: no question is about `offset`; there are questions about layers, ",
        ),
    ] {
        let output = witness(&[name]).output().expect("witness runs");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(
            text.starts_with(error) && output.stdout.is_empty(),
            "{text}"
        );
    }
}

/// Where memory is too little for a claim's stack nothing is measured: no question counts.
#[test]
fn what_is_not_measured_says_why_and_does_not_count() {
    let script = "ulimit -s 64; exec \"$0\" ask layers access-mode";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_witness")]);
    let mut child = start(shell);
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(b"2\nno\n").expect("written");
    drop(input);
    let text = whole(&child.wait_with_output().expect("it ends"), 0);
    assert_eq!(text.matches("Not measured here").count(), 2, "{text}");
    assert!(text.contains("RLIMIT_STACK"), "{text}");
    assert_eq!(
        last_score(&text),
        "Score: 0 of 0 right, 2 not measured here."
    );
}

#[test]
fn a_signal_at_the_question_ends_with_the_score() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut child = start(witness(&THREE));
        // Held open: only the signal can end it.
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(b"2\n").expect("written");
        let mut output = child.stdout.take().expect("a pipe");
        let head = read_to(&mut output, "2/3  ");
        kill(Pid::from_raw(child.id() as i32), signal).expect("it runs");
        let mut rest = String::new();
        output.read_to_string(&mut rest).expect("UTF-8");
        let status = child.wait().expect("ours").code();
        assert_eq!(status, Some(128 + signal as i32), "{head}{rest}");
        let line =
            format!("PARTIAL: interrupted by {signal}. Score: 1 of 1 right, 2 not answered.");
        assert_eq!(last_score(&rest), line, "{rest}");
        drop(input);
    }
}

/// What a person sees: their own typing, once; colours; another try after a slip.
#[test]
fn a_terminal_asks_again_and_a_key_interrupts() {
    inherited_signals::reset();
    let (mut terminal, side) = open_terminal();
    let mut command = Command::new("setsid");
    command.args(["--ctty", "--wait", env!("CARGO_BIN_EXE_witness"), "ask"]);
    command
        .args(THREE)
        .env("TERM", "xterm")
        .env_remove("NO_COLOR");
    let copy = || side.try_clone().expect("a copy");
    command.stdin(copy()).stdout(copy()).stderr(copy());
    let mut child = command.spawn().expect("setsid runs");
    drop((command, side));
    let mut shown = read_to(&mut terminal, "> ");
    for (typed, awaited) in [
        ("banana\n", "it takes a number.\r\n> "),
        ("2\n", "(a number of bytes)\r\n> "),
        // The key for the end of input shows one answer, and the next question is asked.
        ("\x04", "(yes or no)\r\n> "),
        ("\x03", "1 not answered"),
    ] {
        terminal.write_all(typed.as_bytes()).expect("typed");
        shown += &read_to(&mut terminal, awaited);
    }
    assert_eq!(child.wait().expect("ours").code(), Some(130), "{shown}");
    assert_eq!(shown.matches("banana").count(), 1, "{shown}");
    assert!(
        shown.contains("\x1b[1m") && shown.contains("Right."),
        "{shown}"
    );
    assert!(shown.contains("PARTIAL: interrupted by SIGINT."), "{shown}");
}

/// A terminal: the side of the person, and that of the program.
fn open_terminal() -> (File, OwnedFd) {
    let (mut person, mut program) = (-1, -1);
    // SAFETY: the two numbers are written to, and the rest is left to the C library (openpty(3)).
    let status = unsafe {
        libc::openpty(
            &mut person,
            &mut program,
            null_mut(),
            null_mut(),
            null_mut(),
        )
    };
    assert_eq!(status, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: openpty(3) has just opened both, and nobody else knows their numbers.
    unsafe { (File::from_raw_fd(person), OwnedFd::from_raw_fd(program)) }
}

/// Reads until `text` has come.
fn read_to(input: &mut impl Read, text: &str) -> String {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(text.as_bytes()) {
        let count = input.read(&mut byte).unwrap_or(0);
        let so_far = || String::from_utf8_lossy(&read).into_owned();
        assert_ne!(count, 0, "no `{text}` in {}", so_far());
        read.push(byte[0]);
    }
    String::from_utf8(read).expect("UTF-8")
}
