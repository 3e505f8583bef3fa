//! Hands the versions that Cargo.lock holds for this package's dependencies to the source.

use std::error::Error;
use std::fs;
use std::path::Path;

/// The dependencies, and the variable that tells `src/lib.rs` the version of each.
const PACKAGES: [(&str, &str); 4] = [
    ("parking_lot", "PARKING_LOT_VERSION"),
    ("spin", "SPIN_VERSION"),
    ("spinning_top", "SPINNING_TOP_VERSION"),
    ("usync", "USYNC_VERSION"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let path = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../Cargo.lock");
    println!("cargo::rerun-if-changed={}", path.display());
    let lock = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    for (package, variable) in PACKAGES {
        let version = version_for("contenders", package, &lock)
            .ok_or_else(|| format!("no version of {package} in {}", path.display()))?;
        println!("cargo::rustc-env={variable}={version}");
    }
    Ok(())
}

/// The version of `package` that `dependent` is built with.
fn version_for<'a>(dependent: &str, package: &str, lock: &'a str) -> Option<&'a str> {
    let sections = || lock.split("[[package]]");
    let depends = sections().find(|section| field(section, "name") == Some(dependent))?;
    // The list says `name`, or `name version` where Cargo.lock holds several versions.
    let entry = depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","))
        .find(|entry| entry.split(' ').next() == Some(package))?;
    match entry.split_once(' ') {
        Some((_, version)) => Some(version),
        None => sections()
            .find(|section| field(section, "name") == Some(package))
            .and_then(|section| field(section, "version")),
    }
}

/// `value` of a line `name = "value"`.
fn field<'a>(section: &'a str, name: &str) -> Option<&'a str> {
    section.lines().find_map(|line| {
        let value = line.strip_prefix(name)?.strip_prefix(" = \"")?;
        value.strip_suffix('"')
    })
}
