//! Names that deceive a terminal, in what is shown and in what is refused.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

#[path = "../../runner/tests/hostile/mod.rs"]
mod hostile;

use hostile::{NAMES, Programs, assert_refuses, shown, with_each_name};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_open-files");

#[test]
fn the_map_shows_each_name_on_its_line_and_keeps_its_bytes() {
    let Some(programs) = Programs::start("map") else {
        return;
    };
    let pids = programs.pids();
    let map = |words: &[&str]| {
        let pids = pids.iter().map(String::as_str);
        let words: Vec<&str> = words.iter().copied().chain(pids).collect();
        shown_or_json(&words)
    };
    let text = map(&["map"]);
    for shown in [
        r"/one\nFORGED 9\r  O_RDONLY",
        r"/caf\xe9  ",
        r"/caf\xe8  ",
        r"/back\\x1b\x20  O",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    let json: Value = serde_json::from_str(&map(&["map", "--json"])).expect("JSON");
    let descriptions = json["descriptions"].as_array().expect("an array");
    for name in NAMES {
        let hexadecimal: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let is_it = |description: &&Value| match str::from_utf8(name) {
            Ok(name) => {
                let object = description["object"].as_str().expect("a string");
                object.ends_with(&format!("/{name}")) && description["object_bytes"].is_null()
            }
            Err(_) => {
                let bytes = description["object_bytes"].as_str().unwrap_or_default();
                bytes.ends_with(&format!("2f{hexadecimal}"))
            }
        };
        let one = descriptions.iter().filter(is_it).count();
        assert_eq!(one, 1, "{hexadecimal}: {json:#}");
    }
    let of_one = map(&["map", "--object", r"caf\xe8"]);
    assert!(
        of_one.contains(r"caf\xe8  O_RDONLY") && !of_one.contains(r"caf\xe9  O"),
        "{of_one}"
    );
}

/// JSON holds U+FFFD where a name is not valid UTF-8.
fn shown_or_json(words: &[&str]) -> String {
    match words.contains(&"--json") {
        true => {
            let mut command = std::process::Command::new(PROGRAM);
            let output = command.args(words).output().expect("it runs");
            String::from_utf8(output.stdout).expect("UTF-8")
        }
        false => shown(PROGRAM, words)[0].clone(),
    }
}

#[test]
fn an_argument_that_is_refused_is_shown_harmlessly() {
    for (words, argument) in [
        (&["map"][..], "{}"),
        (&["map"], "--{}"),
        (&["claims"], "{}"),
        (&["explain"], "{}"),
        (&["generate", "man"], "{}"),
        (&["generate", "man", "--dir"], "/proc/none/{}"),
        (&["claims", "layers", "--html"], "/nonexistent/{}"),
    ] {
        assert_refuses(PROGRAM, &with_each_name(words, argument));
    }
}
