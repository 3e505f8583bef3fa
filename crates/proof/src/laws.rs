//! What is true of traces by strace and of files of mutations, whatever they hold: a law a parser.
//!
//! Tests try the laws a fixed number of times; `fuzz/` hands them to libFuzzer. In other builds
//! this module does not exist.

use std::path::PathBuf;

use crate::inject::calls;
use crate::record::{Arm, Event, Recording, TracedCall, read};
use crate::sabotage::{Edit, Mutation, parse};

/// Traces as strace(1) writes them, sorted by arm.
pub fn strace(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let events = read(&text);
    let lines = text.lines().count();
    assert!(events.len() <= lines);
    let counted = calls(&text).into_iter();
    let counted: usize = counted.map(|call| call.by_program + call.by_claim).sum();
    assert!(counted <= lines);
    let recording = Recording::sort(events);
    let both = [Arm::Experiment, Arm::Control].map(|arm| recording.calls(arm).count());
    assert!(both[0] + both[1] <= lines);
    // A call is the same call, whether another thread's line divides it or not.
    let arguments: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(60)
        .collect();
    let answer = data.len();
    let whole = read(&format!(
        "7  ioctl(3, \"{arguments}\") = {answer}\n8  close(4) = 0\n"
    ));
    let divided = read(&format!(
        "7  ioctl(3, \"{arguments}\" <unfinished ...>\n8  close(4) = 0\n\
         7  <... ioctl resumed>) = {answer}\n"
    ));
    assert_eq!(whole, divided);
    let [Event::Call(TracedCall { pid: 7, name, .. }), Event::Call(_)] = &whole[..] else {
        panic!("two calls, not {whole:?}");
    };
    assert_eq!(name, "ioctl");
}

/// Files of mutations.
pub fn mutations(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(mutations) = parse(&text) {
        let edits: usize = mutations.iter().map(|mutation| mutation.edits.len()).sum();
        assert!(edits >= mutations.len() && edits <= text.matches("<<<<").count());
    }
    // A line that is a mark cannot stand in a text; lines of sources end with a line feed alone.
    let line = |line: &str| match line {
        "====" | ">>>>" => "\n".to_owned(),
        line => format!("{line}\n"),
    };
    let lines: Vec<String> = text.replace('\r', "").lines().map(line).collect();
    let (find, put) = lines.split_at(lines.len() / 2);
    let mutation = Mutation {
        claims: vec!["offset".to_owned(), "layers".to_owned()],
        what: "nothing is asked".to_owned(),
        edits: vec![Edit {
            file: PathBuf::from("crates/a/src/b.rs"),
            find: find.concat(),
            put: put.concat(),
        }],
    };
    let edit = &mutation.edits[0];
    let file = edit.file.display();
    let printed = format!(
        "# a remark\n=== {mutation}\n--- {file}\n<<<<\n{}====\n{}>>>>\n",
        edit.find, edit.put
    );
    assert_eq!(parse(&printed).ok(), Some(vec![mutation]), "{printed}");
}

#[cfg(test)]
mod tests {
    samples::test_laws! { mutations strace }
}
