//! The versions that the crate states are those that Cargo builds it with.
#![expect(clippy::disallowed_methods, reason = "cargo is asked")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::io::ErrorKind;
use std::process::Command;

use contenders::{PARKING_LOT, SPIN, SPINNING_TOP, USYNC};

#[test]
fn the_versions_stated_are_those_that_are_built() {
    // --locked: what Cargo.lock holds, and no other answer.
    let arguments = "tree --locked --offline --package contenders --depth 1 --prefix none";
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments.split(' '));
    let output = match cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output() {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::NotFound
            ) =>
        {
            eprintln!("skipped: this user cannot run {}: {error}", env!("CARGO"));
            return;
        }
        output => output.expect("cargo runs"),
    };
    assert!(output.status.success(), "{output:?}");
    let tree = String::from_utf8(output.stdout).expect("UTF-8");
    for package in [PARKING_LOT, SPIN, SPINNING_TOP, USYNC] {
        let line = format!("{} v{}", package.name, package.version);
        let built = tree.lines().any(|built| built.trim_end() == line);
        assert!(built, "{package} is not in\n{tree}");
    }
}
