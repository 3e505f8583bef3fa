//! Manual pages that documents and explanations name exist, under the newest name or an older one.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Pages that no Linux has, or another package than man-pages: those of BSD, and of liburing.
const OF_OTHERS: [&str; 4] = [
    "kqueue(2)",
    "rseq(2)",
    "io_uring(7)",
    "io_uring_prep_multishot_accept(3)",
];

/// Whether this machine has a page; none where it has no manual at all.
fn is_installed(page: &str) -> Option<bool> {
    let (name, section) = page.split_once('(')?;
    let section = section.trim_end_matches(')');
    let found = Command::new("man").args(["-w", section, name]).output();
    Some(found.ok()?.status.success())
}

/// The page that had the contents of a newer one until man-pages 6.7.
fn older(page: &str) -> Option<&'static str> {
    match page {
        "fcntl_locking(2)" => Some("fcntl(2)"),
        page if page.starts_with("proc_") => Some("proc(5)"),
        _ => None,
    }
}

/// The pages that a text names outside of code: `open(2)` and the like.
fn pages(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    for (place, _) in text.match_indices('(') {
        let mut rest = text[place + 1..].chars();
        let section = rest.next().filter(|c| ('1'..='8').contains(c));
        let (Some(section), Some(')')) = (section, rest.next()) else {
            continue;
        };
        let name = text[..place].rsplit(|c| !is_name(c)).next();
        let name = name.unwrap_or_default();
        let before = &text[..place - name.len()];
        let is_word = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        if is_word && !before.ends_with(['`', '$', ':', '>']) {
            found.push(format!("{name}({section})"));
        }
    }
    found
}

/// Documents without what stands in fences, and the explanation of each claim, by name.
fn texts() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut texts = BTreeMap::new();
    let crates = fs::read_dir(root.join("crates")).expect("the crates");
    let mut folders: Vec<_> = crates.flatten().map(|entry| entry.path()).collect();
    folders.extend(["", "docs"].map(|folder| root.join(folder)));
    for folder in folders {
        for path in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = path.path();
            if path.extension().is_some_and(|it| it == "md") {
                let text = fs::read_to_string(&path).expect("a document");
                let prose = text.split("```").step_by(2).collect::<Vec<_>>();
                texts.insert(path.display().to_string(), prose.join("\n"));
            }
        }
    }
    let witness = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
        let output = command.args(arguments).env("COLUMNS", "200").output();
        String::from_utf8(output.expect("witness runs").stdout).expect("UTF-8")
    };
    let list = witness(&["list", "--all"]);
    let ids = list.lines().filter_map(|line| line.strip_prefix("  "));
    for id in ids.filter(|line| !line.starts_with(' ')) {
        // What stands behind `act` are calls with their arguments: `listen(8)`.
        let text = witness(&["explain", id]);
        let read_on = text.split_once("\n  read on ").map_or("", |(_, rest)| rest);
        let mut lines = read_on.lines();
        let first = lines.next().unwrap_or_default();
        let rest = lines.take_while(|line| line.starts_with("   "));
        let read_on = rest.fold(first.to_owned(), |text, line| text + line);
        texts.insert(format!("explain {id}"), read_on);
    }
    texts
}

#[test]
fn named_manual_pages_exist() {
    if is_installed("open(2)") != Some(true) {
        eprintln!("skipped: man or its pages are missing (apt-get install man-db manpages-dev)");
        return;
    }
    let (mut known, mut named) = (BTreeMap::new(), 0);
    for (document, text) in texts() {
        for page in pages(&text) {
            named += 1;
            if OF_OTHERS.contains(&page.as_str()) {
                continue;
            }
            let is_there = *known
                .entry(page.clone())
                .or_insert_with(|| is_installed(&page) == Some(true));
            let says_older = older(&page).is_some_and(|older| text.contains(older));
            // Where the newer page is here, the older may be gone; it must be named all the same.
            let is_right = if older(&page).is_some() {
                says_older
            } else {
                is_there
            };
            assert!(
                is_right,
                "{document}: {page} and no page that everybody has"
            );
        }
    }
    assert!(named > 200, "{named} pages found");
}

#[test]
fn pages_are_found_in_texts() {
    let text = "open(2), see proc_pid_fdinfo(5). `main(1)` f(x) and Some(3), from_millis(1000)";
    assert_eq!(pages(text), ["open(2)", "proc_pid_fdinfo(5)"]);
}
