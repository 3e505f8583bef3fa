//! The outputs that the documents show are what the tools print, figures masked.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

#[path = "../../runner/tests/outputs/mod.rs"]
mod outputs;

use std::io::Read;
use std::process::{Command, Stdio};

use outputs::{assert_alike, printed, shown};

const PROGRAM: &str = env!("CARGO_BIN_EXE_address-space");

#[test]
fn replay_prints_what_the_documents_show() {
    let whole = shown(
        "docs/examples/address-space-replay.txt",
        "address-space replay --generate segments",
        "What we are seeing",
    );
    let short = ["replay", "--generate", "segments", "--operations", "2000"];
    // Where this line breaks depends on its figures.
    let is_end = |line: &str| line.starts_with("(of these with") || line == "peak).";
    assert_alike(&whole, &printed(PROGRAM, &short), is_end);
}

#[test]
fn system_prints_what_the_documents_show() {
    let document = "docs/examples/address-space-system.txt";
    let whole = shown(document, "address-space system", "What we are seeing");
    // Each machine has zones and sizes of huge pages of its own.
    let of_the_machine = |line: &str| line.starts_with("node ") || line.contains("reserved");
    assert_alike(&whole, &printed(PROGRAM, &["system"]), of_the_machine);
}

/// The program of the example, with a tenth of its blocks.
#[test]
fn inspect_prints_what_the_documents_show() {
    let program = "import time; blocks = [bytearray(10000) for _ in range(2000)]; \
                   blocks = blocks[::2]; print(flush=True); time.sleep(60)";
    let python = Command::new("python3")
        .args(["-c", program])
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut python) = python else {
        eprintln!("skipped: python3 is missing");
        return;
    };
    let mut output = python.stdout.take().expect("a pipe");
    output.read_exact(&mut [0]).expect("it has its blocks");
    let printed = printed(PROGRAM, &["inspect", &python.id().to_string()]);
    python.kill().expect("ours");
    python.wait().expect("ours");
    let document = "docs/examples/address-space-inspect.txt";
    let whole = shown(document, "address-space inspect $!", "What we are seeing");
    // What is told of a heap depends on it.
    let before_heap = |text: &str| -> String {
        let (text, _) = text.split_once("\nglibc heap").expect("a heap");
        text.to_owned()
    };
    let (whole, printed) = (before_heap(&whole), before_heap(&printed));
    assert_alike(&whole, &printed, |line| line.starts_with("process "));
}
