//! The release profile: what is measured is optimized to the end.
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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

/// A manifest, by its path in the workspace.
fn manifest(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).expect(path)
}

/// The packages that Cargo.toml has built at this level.
fn built_at(level: u8) -> BTreeSet<String> {
    let manifest = manifest("Cargo.toml");
    let sections = manifest.split("[profile.release.package.").skip(1);
    let of_level = sections.filter_map(|section| {
        let (name, rest) = section.split_once("]\n")?;
        let is_level = rest.lines().next() == Some(format!("opt-level = {level}").as_str());
        is_level.then(|| name.to_owned())
    });
    of_level.collect()
}

/// The locks of others that `compare` measures: the dependencies of contenders.
fn contenders() -> BTreeSet<String> {
    let manifest = manifest("crates/contenders/Cargo.toml");
    let (_, rest) = manifest
        .split_once("[dependencies]\n")
        .expect("dependencies");
    let lines = rest.lines().take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned()));
    let names: BTreeSet<String> = names.collect();
    assert!(names.contains("parking_lot"), "{names:?}");
    names
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
