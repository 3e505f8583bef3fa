//! The release profile: what is measured is optimized to the end.
#![expect(clippy::disallowed_methods, reason = "a test runs cargo")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Crates of ours whose own code is measured, or which work through much.
const MEASURED: [&str; 7] = [
    "contenders",
    "harness",
    "locks",
    "placement",
    "prefork",
    "replay",
    "spinlock",
];

/// The packages that Cargo.toml has built at this level.
fn built_at(level: u8) -> BTreeSet<String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("Cargo.toml");
    let sections = manifest.split("[profile.release.package.").skip(1);
    let of_level = sections.filter_map(|section| {
        let (name, rest) = section.split_once("]\n")?;
        let is_level = rest.lines().next() == Some(format!("opt-level = {level}").as_str());
        is_level.then(|| name.to_owned())
    });
    of_level.collect()
}

/// The locks of others that `compare` measures: the dependencies of contenders, and theirs that
/// are no part of std's or the C library's interface.
fn contenders() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let package = |name: &str| packages.iter().find(|it| it["name"] == name);
    let package = package("contenders").expect("contenders");
    let dependencies = package["dependencies"].as_array().expect("dependencies");
    let name = |it: &Value| it["name"].as_str().expect("a name").to_owned();
    dependencies.iter().map(name).collect()
}

#[test]
fn what_is_measured_is_optimized_to_the_end() {
    let optimized = built_at(3);
    let expected: BTreeSet<String> = MEASURED.map(str::to_owned).into();
    let measured = &expected | &contenders();
    let missing: Vec<&String> = measured.difference(&optimized).collect();
    assert!(missing.is_empty(), "not at opt-level 3: {missing:?}");
    assert!(built_at(0).is_disjoint(&measured));
}
