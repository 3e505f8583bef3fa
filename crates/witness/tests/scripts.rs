//! The scripts that guard the workspace must refuse what they are there to refuse.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]
#![expect(clippy::print_stdout, reason = "a skipped case says so")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// A script of the workspace, run by bash.
fn script(name: &str) -> Command {
    let path = format!("{}/../../scripts/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("/bin/bash");
    command.arg(path);
    command
}

/// Runs a script with `input` as its standard input.
fn run_on(mut command: Command, input: &str) -> Output {
    let piped = command.stdin(Stdio::piped());
    let piped = piped.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("bash starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A script that ends before it has read everything is seen by its status.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("the script ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn an_unknown_option_is_refused() {
    for name in ["check", "fuzz", "host-settings", "licences", "msrv", "miri"] {
        let mut command = script(name);
        let output = command.arg("--no-such-option").output();
        let output = output.expect("bash starts");
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(!output.stderr.is_empty(), "{name} gives no reason");
    }
}

#[test]
fn check_lists_all_that_is_missing_before_it_builds() {
    let mut command = script("check");
    let output = command.env_clear().env("PATH", "/nonexistent").output();
    let output = output.expect("bash starts");
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    for remedy in [
        "https://rustup.rs",
        "rustup component add rustfmt",
        "rustup component add clippy",
        "apt-get install gcc libc6-dev",
        "apt-get install strace",
        "apt-get install util-linux",
        "rustup target add aarch64-unknown-linux-gnu",
        "cargo install --locked cargo-deny",
    ] {
        assert!(err.contains(remedy), "{remedy} is not in: {err}");
    }
    let steps = text(&output.stdout);
    assert_eq!(
        steps.matches("==>").count(),
        1,
        "more than one step: {steps}"
    );
}

#[test]
fn a_licence_that_is_not_in_the_list_is_refused() {
    let rows = [
        ("MIT", 0),
        ("MIT/GPL-3.0", 0),
        ("GPL-3.0 OR (MIT AND Zlib)", 0),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", 0),
        ("MIT OR GPL-2.0 AND GPL-3.0", 0),
        ("GPL-3.0", 1),
        ("MIT AND GPL-3.0", 1),
        ("(MIT OR GPL-2.0) AND GPL-3.0", 1),
        ("", 1),
    ];
    for (licence, status) in rows {
        let mut command = script("licences");
        command.arg("-");
        let output = run_on(command, &format!("{licence}\tpackage v1.0.0\n"));
        assert_eq!(output.status.code(), Some(status), "`{licence}`");
    }
    let mut command = script("licences");
    command.arg("-");
    assert_eq!(run_on(command, "").status.code(), Some(2), "no package");
}

#[test]
fn a_claim_that_is_not_measured_needs_an_excuse() {
    let document = |verdict: &str| {
        format!(
            "{{\n  \"claims\": [\n    {{\n      \
             \"id\": \"offset\",\n      \"verdict\": \"{verdict}\",\n"
        )
    };
    let status = |input: &str| {
        let list = format!("{}/../../scripts/may-skip.root", env!("CARGO_MANIFEST_DIR"));
        let mut command = script("must-measure");
        command.arg(list);
        run_on(command, input).status.code()
    };
    assert_eq!(status(&document("holds")), Some(0));
    assert_eq!(status(&document("holds_with")), Some(0));
    assert_eq!(status(&document("refuted")), Some(1));
    assert_eq!(status(&document("not_measured")), Some(3));
    assert_eq!(status(&document("error")), Some(1));
    assert_eq!(status("{}\n"), Some(1), "a run without a claim");
    let both = |first, second| status(&(document(first) + &document(second)));
    assert_eq!(both("not_measured", "holds"), Some(0), "it held once");
    assert_eq!(both("not_measured", "not_measured"), Some(3));
    assert_eq!(both("refuted", "holds"), Some(1), "nothing excuses it");
    assert_eq!(both("holds", "error"), Some(1), "nothing excuses it");
}

#[test]
fn a_changed_setting_shows_and_nothing_else_does() {
    const CHANGE: &str = "\"$0\"; echo 64 > /proc/sys/net/core/somaxconn || exit 9; echo; \"$0\"";
    let path = format!("{}/../../scripts/host-settings", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "bash", "-c", CHANGE]);
    let output = match command.arg(path).output() {
        Ok(output) if output.status.success() => output,
        refused => return println!("skipped: no network namespace with settings: {refused:?}"),
    };
    let both = text(&output.stdout);
    let (before, after) = both.split_once("\n\n").expect("two outputs");
    assert!(before.contains("\nmount: ") && before.contains("\nlink: lo "));
    let changed: Vec<_> = after
        .lines()
        .filter(|&line| before.lines().all(|old| old != line))
        .collect();
    assert_eq!(changed, ["/proc/sys/net/core/somaxconn:64"]);
}
