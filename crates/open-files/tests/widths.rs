//! What is shown fits the reader's terminal, and is ASCII where the locale is not UTF-8.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

use std::fs::{self, File};
use std::process::{Command, Stdio};

#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;
#[path = "../../runner/tests/widths/mod.rs"]
mod widths;

#[test]
fn no_table_is_wider_than_told() {
    // A process that whoever runs this may look at. Its name fits 60 columns alone, and not with
    // what is said of it.
    let folder = temporary::folder();
    let room = 58_usize.saturating_sub(folder.as_os_str().len() + 1);
    let id = std::process::id();
    let path = folder.join(format!("widths-{id:0>0$}", room.saturating_sub(7)));
    let file = File::create_new(&path).expect("a file of our own");
    let mut command = Command::new("sleep");
    command
        .arg("600")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let mut sleeper = command.stdout(file).spawn().expect("sleep(1)");
    let pid = sleeper.id().to_string();
    widths::assert_all_fit(
        env!("CARGO_BIN_EXE_open-files"),
        &[&["map", &pid], &["claims", "layers"]],
    );
    sleeper.kill().expect("ours");
    sleeper.wait().expect("ours");
    fs::remove_file(&path).expect("ours");
}
