//! The table of crates in docs/architecture.md, held against what cargo says of the manifests.
//!
//! Cargo lists every dependency by its package's own name: one for a target, one under another
//! name, one of a build script. What a crate calls is not looked at here: the lints of clippy.toml
//! do that, with names that the compiler has resolved.
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]
#![expect(
    clippy::expect_used,
    reason = "what cannot be read has failed the test"
)]
#![expect(clippy::disallowed_methods, reason = "it runs cargo")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What a crate may use, by the crate's name.
type Table = BTreeMap<String, BTreeSet<String>>;

#[test]
fn every_crate_uses_what_its_row_allows() {
    let Some(packages) = packages() else { return };
    let table = table();
    let mut wrong = Vec::new();
    for package in &packages {
        let name = text(&package["name"]);
        let Some(allowed) = table.get(name) else {
            wrong.push(format!("{name} has no row"));
            continue;
        };
        for dependency in list(&package["dependencies"]) {
            let used = text(&dependency["name"]);
            // A test may use any crate of the registry; of ours, those that its row names, `child`
            // and `samples`.
            let for_tests = dependency["kind"] == "dev";
            let free =
                for_tests && (dependency["path"].is_null() || ["child", "samples"].contains(&used));
            if !free && !allowed.contains(used) {
                let kind = if for_tests {
                    "its tests use"
                } else {
                    "it uses"
                };
                wrong.push(format!("{name}: {kind} {used}"));
            }
        }
    }
    let names: BTreeSet<&str> = packages
        .iter()
        .map(|package| text(&package["name"]))
        .collect();
    let strangers = table.keys().filter(|name| !names.contains(name.as_str()));
    wrong.extend(strangers.map(|name| format!("{name} has a row and is no crate")));
    assert!(
        wrong.is_empty(),
        "against docs/architecture.md:\n{}",
        wrong.join("\n")
    );
}

/// A crate that does not inherit the workspace's lints has none of them.
#[test]
fn every_crate_inherits_the_lints() {
    let Some(packages) = packages() else { return };
    for package in &packages {
        let manifest = read(Path::new(text(&package["manifest_path"])));
        let inherits = manifest.contains("[lints]\nworkspace = true\n");
        assert!(
            inherits,
            "{} does not inherit the workspace's lints",
            package["name"]
        );
    }
}

/// The workspace's packages as `cargo metadata` prints them; none where this user cannot run cargo.
fn packages() -> Option<Vec<Value>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--no-deps", "--offline"]);
    let output = match cargo.current_dir(root()).output() {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::NotFound
            ) =>
        {
            eprintln!("skipped: this user cannot run {}: {error}", env!("CARGO"));
            return None;
        }
        output => output.expect("cargo metadata"),
    };
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {message}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON of cargo metadata");
    let packages = list(&document["packages"]).to_vec();
    assert!(packages.len() > 10, "only {} packages", packages.len());
    Some(packages)
}

/// The rows `| `crate` | what it is | may use | never |` between the marks `layers` of the chapter.
fn table() -> Table {
    let chapter = read(&root().join("docs/architecture.md"));
    let (_, rest) = chapter
        .split_once("<!-- layers -->\n")
        .expect("the mark <!-- layers -->");
    let (rows, _) = rest
        .split_once("<!-- /layers -->")
        .expect("the mark <!-- /layers -->");
    rows.lines()
        .filter_map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            let name = names(cells.get(1)?).into_iter().next()?;
            Some((name, names(cells.get(3)?)))
        })
        .collect()
}

/// The words of a cell that stand in backquotes.
fn names(cell: &str) -> BTreeSet<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).expect("an array")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The workspace, by the variable that cargo sets for a test that it runs.
/// scripts/plant-violations sets it to a copy.
fn root() -> PathBuf {
    let crate_folder = std::env::var_os("CARGO_MANIFEST_DIR");
    let crate_folder = crate_folder.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&crate_folder).join("../..")
}
