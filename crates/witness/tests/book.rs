//! The book in `docs/`: every claim has its place in it, and every link leads somewhere.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The ids of all claims: of the tour, or with those beside it.
fn claims(arguments: &[&str]) -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
    let output = command.arg("list").arg("--json").args(arguments).output();
    let output = output.expect("witness runs");
    let list: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let claims = list["claims"].as_array().expect("claims");
    let id = |claim: &Value| claim["id"].as_str().expect("an id").to_owned();
    claims.iter().map(id).collect()
}

/// What stands between backquotes in `text`.
fn code_words(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The markdown files that a reader meets: those of docs, of the root, and each crate's README.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let crates = fs::read_dir(root().join("crates")).expect("the crates");
    let mut folders: Vec<PathBuf> = crates.flatten().map(|entry| entry.path()).collect();
    folders.extend(["", "docs", "fuzz"].map(|folder| root().join(folder)));
    for folder in folders {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        found.extend(paths.filter(|path| path.extension().is_some_and(|it| it == "md")));
    }
    found
}

/// The text of a document without what stands in fences.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose += line;
            prose.push('\n');
        }
    }
    prose
}

/// The anchor of a heading, as mdBook and most viewers of markdown form it.
fn anchor(heading: &str) -> String {
    let heading = heading.trim().to_lowercase();
    let kept = heading.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c => (c.is_alphanumeric() || c == '-' || c == '_').then_some(c),
    });
    kept.collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}

#[test]
fn every_claim_has_its_sentence() {
    let notes = read("docs/notes.md");
    let rows = notes.lines().filter(|line| line.starts_with("| "));
    let named: Vec<&str> = rows.flat_map(code_words).collect();
    let once: BTreeSet<String> = named.iter().map(|id| (*id).to_owned()).collect();
    assert_eq!(named.len(), once.len(), "a claim stands there twice");
    assert_eq!(once, claims(&[]), "left docs/notes.md, right the claims");
}

#[test]
fn every_program_has_its_sentence() {
    let notes = read("docs/notes.md");
    for topic in ["open-files", "accept-queue", "spinlock", "address-space"] {
        let folder = root().join("crates").join(topic).join("examples");
        for entry in fs::read_dir(folder).expect("examples").flatten() {
            let name = entry.file_name().into_string().expect("UTF-8");
            let path = format!("(../crates/{topic}/examples/{name})");
            assert!(notes.contains(&path), "docs/notes.md does not name {path}");
        }
    }
}

/// A claim's example is the program of its sentence, and a sentence without a program has none.
#[test]
fn explanations_name_the_program_of_the_sentence() {
    let notes = read("docs/notes.md");
    let rows = notes.lines().filter(|line| line.starts_with("| "));
    let examples = examples();
    for row in rows {
        for id in code_words(row) {
            let is_named = match &examples[id] {
                Some(example) => row.contains(&format!("[{example}]")),
                None => !row.contains("/examples/"),
            };
            assert!(is_named, "{id}: {:?} in {row}", examples[id]);
        }
    }
}

/// The README's table leads from a sentence to a program, a claim, and a lesson that is there.
#[test]
fn every_row_of_programs_has_a_claim_and_a_lesson() {
    let (readme, examples) = (read("README.md"), examples());
    let rows = readme.lines().filter(|line| line.contains("/examples/"));
    let rows: Vec<&str> = rows.filter(|line| line.starts_with("| ")).collect();
    assert!(rows.len() >= 14, "{} programs", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, program, claim, lesson] = cells[..] else {
            panic!("not four cells: {row}");
        };
        let claim = claim.trim_matches('`');
        let example = examples[claim].as_deref().expect(claim);
        assert!(program.starts_with(&format!("[{example}](")), "{row}");
        let is_lesson = lesson == format!("`witness strace {claim}`");
        assert!(is_lesson || lesson.contains("](scripts/strace-"), "{row}");
    }
}

/// The example of each claim of the tour, where it has one.
fn examples() -> BTreeMap<String, Option<String>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
    let output = command.args(["list", "--json"]).output();
    let output = output.expect("witness runs");
    let list: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let claims = list["claims"].as_array().expect("claims");
    let pair = |claim: &Value| (text(&claim["id"]).expect("an id"), text(&claim["example"]));
    claims.iter().map(pair).collect()
}

/// Each imprecise sentence has what shows it, and a source.
#[test]
fn every_imprecise_sentence_has_what_shows_it() {
    let textbook = read("docs/textbook.md");
    let claims = claims(&["--all"]);
    let mut entries = textbook.split("\n### ");
    entries.next();
    for entry in entries {
        let entry = entry.split("\n## ").next().unwrap_or_default();
        let (sentence, rest) = entry.split_once('\n').expect("a heading");
        let (_, shown) = rest.split_once("\nShown by ").unwrap_or_else(|| {
            panic!("{sentence}: nothing shows it");
        });
        let (shown, source) = shown.split_once("Source:").unwrap_or_else(|| {
            panic!("{sentence}: no source");
        });
        assert!(!source.trim().is_empty(), "{sentence}");
        let mut words = 0;
        for word in code_words(&shown.replace('\n', " ")) {
            words += 1;
            let is_tool = word.contains(' ');
            let is_program = ["open-files", "accept-queue", "spinlock", "address-space"]
                .iter()
                .any(|topic| {
                    let path = format!("crates/{topic}/examples/{word}.rs");
                    root().join(path).is_file()
                });
            let is_known = claims.contains(word) || is_tool || is_program;
            assert!(is_known, "{sentence}: there is no `{word}`");
        }
        assert!(words > 0, "{sentence}: nothing shows it");
    }
}

/// `explain` leads to a chapter that is there, speaks of the claim, and is in the book.
#[test]
fn every_claim_leads_to_a_chapter_that_speaks_of_it() {
    let summary = read("docs/SUMMARY.md");
    for id in claims(&["--all"]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
        let output = command.args(["explain", &id]).output();
        let text = String::from_utf8(output.expect("witness runs").stdout).expect("UTF-8");
        let chapter = text
            .lines()
            .find_map(|line| line.strip_prefix("  chapter "));
        let chapter = chapter.unwrap_or_else(|| panic!("{id}: no chapter")).trim();
        assert!(
            read(chapter).contains(&format!("`{id}`")),
            "{id}: {chapter}"
        );
        let link = chapter
            .strip_prefix("docs/")
            .map(|name| format!("]({name})"));
        assert!(
            link.is_some_and(|link| summary.contains(&link)),
            "{id}: {chapter}"
        );
    }
}

#[test]
fn the_summary_has_every_chapter() {
    let summary = read("docs/SUMMARY.md");
    for entry in fs::read_dir(root().join("docs")).expect("docs").flatten() {
        let name = entry.file_name().into_string().expect("UTF-8");
        if name.ends_with(".md") && name != "SUMMARY.md" {
            assert!(summary.contains(&format!("]({name})")), "{name}");
        }
    }
}

/// Each link to a file or a heading of ours leads to one.
#[test]
fn every_link_leads_somewhere() {
    let mut links = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document");
        let folder = document.parent().expect("a folder");
        for rest in prose(&text).split("](").skip(1) {
            let link = rest.split(')').next().unwrap_or_default();
            // Elsewhere, or an item that rustdoc knows.
            if link.contains("://") || link.contains("::") {
                continue;
            }
            links += 1;
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => document.clone(),
                path => folder.join(path),
            };
            let what = format!("{}: {link}", document.display());
            assert!(target.exists(), "{what}: no such file");
            if !heading.is_empty() {
                let target = fs::read_to_string(&target).expect("a document");
                assert!(anchors(&target).contains(heading), "{what}: no heading");
            }
        }
    }
    assert!(links > 100, "{links} links found");
}

/// What the book includes of a source is there.
#[test]
fn every_include_finds_its_part() {
    let mut includes = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document");
        let folder = document.parent().expect("a folder");
        for rest in text.split("{{#include ").skip(1) {
            let (what, _) = rest.split_once("}}").expect("an end");
            let (path, name) = what.split_once(':').expect("a name");
            let source = fs::read_to_string(folder.join(path)).expect(path);
            for mark in ["ANCHOR", "ANCHOR_END"] {
                let mark = format!("// {mark}: {name}\n");
                assert_eq!(source.matches(&mark).count(), 1, "{what}: {mark}");
            }
            includes += 1;
        }
    }
    assert!(includes >= 18, "{includes} parts of programs");
}
