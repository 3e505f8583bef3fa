//! Every parser has a law, a fuzz target and samples.
//!
//! A parser is found by what it calls: the functions of std and serde that make a value of text or
//! bytes. A source file that calls one is named by a target, or stands in `fuzz/no-parsers.txt`
//! with the reason why it needs none.
#![expect(
    clippy::expect_used,
    reason = "what cannot be read has failed the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a file calls that makes values of text or bytes.
const CALLS: &[&str] = &[
    ".parse()",
    ".parse::<",
    "from_str_radix(",
    "impl FromStr",
    "serde_json::from_",
    "from_ne_bytes(",
    "from_le_bytes(",
    "from_be_bytes(",
    "from_utf8",
    "split_once(",
    "strip_prefix(",
    "split_whitespace()",
    "split_ascii_whitespace()",
    "splitn(",
    "Decoder::",
];

/// A file of `fuzz/fuzz_targets`.
struct Target {
    name: String,
    /// The crate whose law it hands to libFuzzer.
    crate_name: String,
    /// The sources of the parser, from the root of the workspace.
    sources: Vec<String>,
}

#[test]
fn every_parser_has_a_target() {
    let covered: BTreeSet<String> = targets().into_iter().flat_map(|it| it.sources).collect();
    let excused = excuses();
    let mut wrong = Vec::new();
    for path in sources() {
        let calls = parsing_calls(&read(&root().join(&path)));
        match (covered.contains(&path), excused.contains(&path)) {
            (true, true) => wrong.push(format!("{path} has a target and an excuse")),
            (false, true) if calls.is_empty() => wrong.push(format!("{path} needs no excuse")),
            (false, false) if !calls.is_empty() => {
                wrong.push(format!(
                    "{path} calls {} and has no target",
                    calls.join(", ")
                ));
            }
            _ => {}
        }
    }
    let all: BTreeSet<String> = sources().into_iter().collect();
    let strangers = covered
        .iter()
        .chain(&excused)
        .filter(|path| !all.contains(*path));
    wrong.extend(strangers.map(|path| format!("{path} is named and is no source file")));
    assert!(
        wrong.is_empty(),
        "see CONTRIBUTING.md:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_target_is_a_law_with_a_bounded_test_and_samples() {
    let laws = tested_laws();
    let targets = targets();
    assert!(targets.len() > 30, "only {} targets", targets.len());
    for target in &targets {
        let name = &target.name;
        let tested = laws.get(name).map(String::as_str);
        assert_eq!(
            tested,
            Some(target.crate_name.as_str()),
            "the tests of {name}"
        );
        let samples = root().join("fuzz/samples").join(name);
        let has_sample = samples
            .read_dir()
            .is_ok_and(|mut files| files.next().is_some());
        assert!(has_sample, "no sample in {}", samples.display());
    }
    let names: BTreeSet<&String> = targets.iter().map(|target| &target.name).collect();
    assert_eq!(
        names,
        laws.keys().collect(),
        "laws, on the right, and targets"
    );
    let manifest = read(&root().join("fuzz/Cargo.toml"));
    let listed = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("name = \""));
    let listed = listed.filter_map(|rest| rest.strip_suffix('"'));
    let listed: BTreeSet<String> = listed
        .filter(|name| *name != "fuzz")
        .map(str::to_owned)
        .collect();
    assert_eq!(
        names,
        listed.iter().collect(),
        "the manifest, on the right, and targets"
    );
}

#[test]
fn a_call_in_tests_or_comments_is_none() {
    let text =
        "//! Uses `.parse()`.\nfn f() {}\n#[cfg(test)]\nmod tests { fn g() { x.parse() } }\n";
    assert!(parsing_calls(text).is_empty());
    assert_eq!(
        parsing_calls("fn f(s: &str) { s.parse::<u8>(); }"),
        [".parse::<"]
    );
}

/// The calls of a source file outside of its tests and comments.
fn parsing_calls(text: &str) -> Vec<&'static str> {
    let before_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    let code = before_tests.lines().map(str::trim_start);
    let code: Vec<&str> = code.filter(|line| !line.starts_with("//")).collect();
    let is_called = |call: &&&str| code.iter().any(|line| line.contains(**call));
    CALLS.iter().filter(is_called).copied().collect()
}

fn targets() -> Vec<Target> {
    let files = files_below(&root().join("fuzz/fuzz_targets"));
    let target = |path: PathBuf| {
        let text = read(&path);
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a name");
        let call = format!("::laws::{name}(data));\n");
        let call = text
            .strip_suffix(&call)
            .unwrap_or_else(|| panic!("{name} calls no law"));
        let crate_name = call.rsplit(' ').next().expect("a crate").replace('_', "-");
        let sources = text.lines().filter_map(|line| line.strip_prefix("//! - "));
        Target {
            sources: sources.map(str::to_owned).collect(),
            crate_name,
            name: name.to_owned(),
        }
    };
    files.into_iter().map(target).collect()
}

/// The crate of each law of which `samples::test_laws!` makes a test.
fn tested_laws() -> BTreeMap<String, String> {
    let mut laws = BTreeMap::new();
    for path in sources_and_laws() {
        let text = read(&root().join(&path));
        let lists = text.split("samples::test_laws! {").skip(1);
        let crate_name = path.split('/').nth(1).expect("a crate");
        for list in lists.filter_map(|rest| rest.split('}').next()) {
            let names = list.split_whitespace();
            laws.extend(names.map(|name| (name.to_owned(), crate_name.to_owned())));
        }
    }
    laws
}

/// The paths of `fuzz/no-parsers.txt`, each of which has a reason behind it.
fn excuses() -> BTreeSet<String> {
    let text = read(&root().join("fuzz/no-parsers.txt"));
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let path = |line: &str| {
        let (path, why) = line.split_once(": ").expect("PATH: reason");
        assert!(why.len() > 10, "{path} has no reason");
        path.to_owned()
    };
    lines.map(path).collect()
}

/// The library and program sources of every crate, without the laws and files of tests.
fn sources() -> Vec<String> {
    let mut paths = sources_and_laws();
    paths.retain(|path| !path.contains("/laws") && !path.ends_with("/tests.rs"));
    paths
}

/// What lies below `src` in every crate, from the root of the workspace.
fn sources_and_laws() -> Vec<String> {
    let paths = files_below(&root().join("crates")).into_iter();
    let mut paths: Vec<String> = paths
        .map(|path| {
            let path = path.strip_prefix(root()).expect("below it");
            path.to_str().expect("an ASCII name").to_owned()
        })
        .collect();
    paths.retain(|path| path.split('/').nth(2) == Some("src"));
    paths
}

/// The `.rs` files below a folder, in the order of their names.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir();
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
