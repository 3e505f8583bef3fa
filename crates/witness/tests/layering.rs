//! The layering table of docs/architecture.md, held against the manifests and the sources.
#![expect(
    clippy::expect_used,
    reason = "a source tree that cannot be read has failed the test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each crate's `[dependencies]` may name.
const LAYERS: &[(&str, &[&str])] = &[
    // The model makes no system call: no nix, no libc, no crate of ours.
    ("claim", &["anyhow", "indexmap", "serde", "serde_json"]),
    ("child", &["libc", "nix", "rustix", "serde", "serde_json"]),
    (
        "observe",
        &["libc", "nix", "rustix", "perf-event-open-sys2"],
    ),
    ("locks", &["libc", "lock_api", "lock_api_05"]),
    ("placement", &[]),
    (
        "prefork",
        &[
            "anyhow", "child", "harness", "io-uring", "libc", "locks", "nix", "observe", "socket2",
        ],
    ),
    (
        "replay",
        &[
            "anyhow",
            "harness",
            "libc",
            "memchr",
            "nix",
            "observe",
            "placement",
            "present",
            "serde",
            "serde_json",
        ],
    ),
    (
        "inspect",
        &["anyhow", "libc", "nix", "observe", "present", "serde"],
    ),
    (
        "descriptors",
        &["libc", "nix", "observe", "present", "serde"],
    ),
    ("harness", &["child", "libc", "nix", "observe", "present"]),
    (
        "present",
        &[
            "anstream",
            "anstyle",
            "nix",
            "serde",
            "serde_json",
            "terminal_size",
            "textwrap",
        ],
    ),
    (
        "runner",
        &[
            "anstyle",
            "indexmap",
            "maud",
            "textwrap",
            "serde_json",
            "harness",
            "present",
            "anstream",
            "anyhow",
            "child",
            "claim",
            "clap",
            "clap_complete",
            "clap_mangen",
            "nix",
            "observe",
            "serde",
            "serde_json",
            "strsim",
        ],
    ),
    ("open-files", TOPIC),
    ("accept-queue", TOPIC),
    ("spinlock", SPINLOCK),
    ("address-space", TOPIC),
    (
        "witness",
        &[
            "accept-queue",
            "address-space",
            "anyhow",
            "claim",
            "clap",
            "clap_complete",
            "clap_mangen",
            "open-files",
            "runner",
            "spinlock",
        ],
    ),
];

/// A topic stands on the three crates below it and names no other topic. `clap`, `runner` and the
/// crates behind them are for its `main.rs` alone, see [`a_library_knows_no_command_line`].
const TOPIC: &[&str] = &[
    // ours
    "child",
    "claim",
    "descriptors",
    "harness",
    "inspect",
    "locks",
    "prefork",
    "replay",
    "observe",
    "present",
    "placement",
    "runner",
    // the kernel's interface
    "io-uring",
    "libc",
    "nix",
    "socket2",
    // data
    "anyhow",
    "hdrhistogram",
    "lock_api",
    "memchr",
    "plotters",
    "serde",
    "serde_json",
    // main.rs
    "anstream",
    "anstyle",
    "clap",
    "clap_complete",
    "clap_mangen",
];

/// What `spinlock` has beside [`TOPIC`]'s: a decoder for its own code, a model checker, and the locks
/// that it compares its own with.
const SPINLOCK: &[&str] = &[
    "anstyle",
    "anyhow",
    "child",
    "claim",
    "clap",
    "harness",
    "iced-x86",
    "libc",
    "lock_api",
    "locks",
    "nix",
    "observe",
    "present",
    "parking_lot",
    "runner",
    "serde",
    "serde_json",
    "spin",
    "spinning_top",
    "usync",
];

/// Words that may stand only in the files named beside them (a crate, or a path below crates/).
/// Comments do not count.
const RESERVED: &[(&str, &[&str])] = &[
    // Only crates/child forks.
    ("fork()", &["child/"]),
    ("libc::fork", &[]),
    ("vfork", &[]),
    ("SYS_clone", &["child/"]),
    ("sched::clone", &[]),
    ("posix_spawn", &[]),
    // Experiments wait on events, never on time.
    // ... except where a stretch of time is the very thing that is measured.
    (
        "thread::sleep",
        &[
            "spinlock/src/compare/window.rs",
            "spinlock/src/claims/busy_wait_burns_cpu.rs",
        ],
    ),
    ("nanosleep", &[]),
    ("unistd::sleep", &[]),
    ("libc::usleep", &[]),
    ("libc::sleep", &[]),
];

/// Words that must not stand anywhere in a crate's sources.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "claim",
        &[
            "nix::",
            "libc::",
            "std::process",
            "std::fs",
            "std::net",
            "std::os",
            "std::thread",
            "std::env",
        ],
    ),
    (
        "observe",
        &[
            "claim::",
            "child::",
            "runner::",
            "process::Command",
            "print!",
            "println!",
        ],
    ),
    (
        "child",
        &["claim::", "observe::", "runner::", "print!", "println!"],
    ),
];

#[test]
fn every_crate_has_its_place_in_the_table() {
    let known: Vec<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    for name in members() {
        assert!(
            known.contains(&name.as_str()),
            "crate {name} is not in the layering table"
        );
    }
    for name in known {
        assert!(
            crates().join(name).is_dir(),
            "the table names {name}, which is no crate"
        );
    }
}

#[test]
fn dependencies_keep_to_the_table() {
    let mut wrong = Vec::new();
    for (name, allowed) in LAYERS {
        let manifest = read(&crates().join(name).join("Cargo.toml"));
        for dependency in dependencies(&manifest) {
            if !allowed.contains(&dependency.as_str()) {
                wrong.push(format!("{name} depends on {dependency}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "against the layering table:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn criterion_stays_in_benches() {
    for name in members() {
        let manifest = read(&crates().join(&name).join("Cargo.toml"));
        assert!(!manifest.contains("criterion"), "{name} names criterion");
    }
}

#[test]
fn reserved_words_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for (word, rooms) in RESERVED {
            if contains(&text, word) && !rooms.iter().any(|room| path.starts_with(room)) {
                wrong.push(format!("{path}: {word}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "where it may not stand:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_lower_crates_keep_to_themselves() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for (name, words) in FORBIDDEN {
            if path.starts_with(&format!("{name}/")) {
                let found = words.iter().filter(|word| contains(&text, word));
                wrong.extend(found.map(|word| format!("{path}: {word}")));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "where it may not stand:\n{}",
        wrong.join("\n")
    );
}

/// The lints print_stdout and print_stderr forbid printing; only a binary may lift them.
#[test]
fn libraries_never_print() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let lifted = text.contains("clippy::print_std");
        // Handing the stream on to a program is not printing.
        let text = text.replace("dup(std::io::stderr())", "");
        let writes = contains(&text, "io::stdout()") || contains(&text, "io::stderr()");
        if (lifted || writes)
            && !is_binary(&path)
            && !path.starts_with("runner/")
            && !path.starts_with("present/")
        {
            wrong.push(path);
        }
    }
    assert!(
        wrong.is_empty(),
        "libraries that print: {}",
        wrong.join(", ")
    );
    let manifest = read(&root().join("Cargo.toml"));
    for lint in [
        "print_stdout",
        "print_stderr",
        "unsafe_code",
        "undocumented_unsafe_blocks",
    ] {
        assert!(manifest.contains(lint), "the workspace does not set {lint}");
    }
    for name in members() {
        let manifest = read(&crates().join(&name).join("Cargo.toml"));
        let inherits = manifest.contains("[lints]\nworkspace = true");
        assert!(inherits, "{name} does not inherit the workspace's lints");
    }
}

#[test]
fn a_library_knows_no_command_line() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let below = LAYERS
            .iter()
            .filter(|(_, allowed)| allowed.contains(&"runner"));
        let topic = below
            .map(|(name, _)| format!("{name}/"))
            .any(|name| path.starts_with(&name));
        let knows = contains(&text, "clap::") || contains(&text, "runner::");
        if topic && knows && !is_binary(&path) {
            wrong.push(path);
        }
    }
    assert!(
        wrong.is_empty(),
        "clap or runner in a library: {}",
        wrong.join(", ")
    );
}

/// Whoever lifts the ban on unsafe code says why.
#[test]
fn unsafe_code_is_opted_into_with_a_reason() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let opens = text
            .lines()
            .any(|line| line.trim_start().starts_with("unsafe_code,"));
        let lifted = text.contains("[expect(unsafe_code, reason") || opens;
        if contains(&text, "unsafe {") && !lifted || text.contains("allow(unsafe_code") {
            wrong.push(path);
        }
    }
    assert!(
        wrong.is_empty(),
        "unsafe code without a stated reason: {}",
        wrong.join(", ")
    );
}

fn is_binary(path: &str) -> bool {
    path.ends_with("src/main.rs") || path.contains("/src/cli/")
}

/// Whether `word` stands in `text` with no letter before it, outside of line comments.
fn contains(text: &str, word: &str) -> bool {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or(""))
        .any(|line| {
            line.match_indices(word).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            })
        })
}

/// The names under `[dependencies]`.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut section = "";
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
            // `[dependencies.nix]` names one in its head.
            if let Some(name) = line.strip_prefix("[dependencies.") {
                names.push(name.trim_end_matches(']').to_owned());
            }
        } else if section == "[dependencies]" && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or(line);
            names.push(name.to_owned());
        }
    }
    names
}

/// Every `.rs` file below crates/*/src by its path below crates/.
fn sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders: Vec<PathBuf> = members()
        .iter()
        .map(|m| crates().join(m).join("src"))
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)
            .expect("a folder of sources")
            .flatten()
        {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(crates()).expect("below crates/");
                found.insert(name.display().to_string(), read(&path));
            }
        }
    }
    assert!(found.len() > 30, "only {} sources found", found.len());
    found
}

fn members() -> Vec<String> {
    let entries = fs::read_dir(crates()).expect("crates/").flatten();
    entries
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn crates() -> PathBuf {
    root().join("crates")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
