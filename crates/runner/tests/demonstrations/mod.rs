//! What every demonstration program promises. Each topic's `tests/examples.rs` includes this file
//! and puts the examples of its crate to the test, which cargo has built with that test.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use claim::{Claim, Prediction, QUIET_MACHINE, Topic, Value};

/// Tries of a program whose claim needs a quiet machine.
const TRIES: usize = 3;

/// A demonstration program of the crate under test, with what its header says.
pub struct Demonstration {
    name: String,
    /// The claims of the same sentence.
    claims: Vec<&'static Claim>,
    /// What strace is to show, as its option `-e trace=` takes it.
    filter: String,
}

/// How a demonstration is run: its name, and the command that runs it.
pub type Run = fn(&str, Command) -> Output;

/// Runs a program that needs nobody beside it.
pub fn run_alone(_: &str, mut command: Command) -> Output {
    command.output().expect("the program runs")
}

/// The demonstrations of a topic's crate, read from their headers.
///
/// # Panics
/// A header lacks a line, or names a claim that the topic does not have.
pub fn demonstrations(topic: &Topic) -> Vec<Demonstration> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = fs::read_dir(folder).expect("the folder of examples");
    let mut all: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    all.sort();
    all.iter().map(|path| read_header(topic, path)).collect()
}

fn read_header(topic: &Topic, path: &Path) -> Demonstration {
    let name = path.file_stem().expect("a name").to_string_lossy();
    let text = fs::read_to_string(path).expect("a source");
    // As wc(1) counts them: the book's marks for what it includes are lines, too.
    let lines = text.lines().count();
    assert!((25..=80).contains(&lines), "{name}: {lines} lines");
    let header = text.lines().map_while(|line| line.strip_prefix("//!"));
    let header = header.collect::<Vec<_>>().join(" ");
    let item = |word: &str| {
        let (_, rest) = header
            .split_once(&format!("- {word}: "))
            .unwrap_or_else(|| panic!("{name}: the header has no `{word}`"));
        rest.split(" - ").next().unwrap_or_default().to_owned()
    };
    let run = format!("-p {} --example {name}", topic.name);
    assert!(item("run").contains(&run), "{name}: {}", item("run"));
    assert!(!item("expect").is_empty(), "{name}");
    let strace = item("strace");
    assert!(
        strace.contains(&format!("target/debug/examples/{name}")),
        "{name}: {strace}"
    );
    let filter = strace.strip_prefix("`strace -f -e trace=");
    let filter = filter.and_then(|rest| rest.split(' ').next());
    let claims = item("claim");
    let claims = claims.trim_matches('`').strip_prefix("witness run ");
    let find = |id| {
        let found = topic.claims.iter().find(|claim| claim.id == id);
        found.unwrap_or_else(|| panic!("{name}: no claim `{id}`"))
    };
    Demonstration {
        claims: claims.expect("a command").split(' ').map(find).collect(),
        filter: filter.expect("a filter").to_owned(),
        name: name.into_owned(),
    }
}

/// A claim and its demonstration name each other; lesson and chapter are there, too.
pub fn claims_and_demonstrations_name_each_other(topic: &Topic) {
    let demonstrations = demonstrations(topic);
    let mut by_header = Vec::new();
    for demonstration in &demonstrations {
        for claim in &demonstration.claims {
            by_header.push((claim.id, demonstration.name.as_str()));
        }
    }
    let by_claim = topic.claims.iter();
    let mut by_claim: Vec<(&str, &str)> = by_claim
        .filter_map(|claim| Some((claim.id, claim.example?)))
        .collect();
    by_header.sort_unstable();
    by_claim.sort_unstable();
    assert_eq!(by_header, by_claim, "left the headers, right the claims");

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    assert!(root.join(topic.chapter.expect("a chapter")).is_file());
    let readme = fs::read_to_string(root.join("README.md")).expect("README.md");
    for Demonstration { name, .. } in &demonstrations {
        let path = format!("crates/{}/examples/{name}.rs", topic.name);
        assert!(readme.contains(&path), "README.md does not name {path}");
    }
    lessons_are_named(topic, &root.join("scripts"));
}

/// Each lesson for strace is named by the claim that it runs, and by no other.
fn lessons_are_named(topic: &Topic, scripts: &Path) {
    for script in fs::read_dir(scripts).expect("the scripts").flatten() {
        let name = script.file_name().to_string_lossy().into_owned();
        if name.starts_with("strace-") {
            let text = fs::read_to_string(script.path()).expect("a script");
            for claim in topic.claims {
                let runs = text.contains(&format!(" strace {} \"$@\"\n", claim.id));
                let is_named = claim.lesson == Some(name.as_str());
                assert_eq!(runs, is_named, "{name} and {}", claim.id);
            }
        }
    }
    let is_there = |lesson| scripts.join(lesson).is_file();
    assert!(topic.claims.iter().filter_map(|it| it.lesson).all(is_there));
}

/// What each program prints as observed is what the claims of its sentence predict.
pub fn each_prints_what_its_claims_predict(topic: &Topic, run: Run) {
    for demonstration in demonstrations(topic) {
        let name = &demonstration.name;
        // The first claim is the one that the program was written for.
        let needs = |what: &str| demonstration.claims[0].needs.contains(&what);
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        if needs("two CPUs") && cpus < 2 {
            eprintln!("skipped: {name} needs two CPUs");
            continue;
        }
        let tries = if needs(QUIET_MACHINE) { TRIES } else { 1 };
        let found = (0..tries).map(|_| demonstration.run_and_compare(run));
        let faults: Vec<String> = found.map_while(|fault| fault).collect();
        if faults.len() < tries {
            continue;
        }
        if needs(QUIET_MACHINE) && is_busy(cpus) {
            eprintln!("skipped: {name}: other programs want the processors, too: {faults:?}");
            continue;
        }
        panic!("{name}: {faults:?}");
    }
}

/// Whether more programs want to run than there are processors, now or in the last minute.
fn is_busy(cpus: usize) -> bool {
    // `0.41 0.35 0.30 2/210 4711` (proc_loadavg(5)).
    let text = fs::read_to_string("/proc/loadavg").expect("/proc/loadavg");
    let words: Vec<&str> = text.split([' ', '/']).collect();
    let exceeds = |word: &str, most: usize| word.parse().is_ok_and(|it: f64| it > most as f64);
    // This test runs, too.
    exceeds(words[0], cpus) || exceeds(words[3], cpus + 1)
}

impl Demonstration {
    /// Runs the program, and says what no claim predicts of what it prints, if there is anything.
    fn run_and_compare(&self, run: Run) -> Option<String> {
        let Demonstration { name, .. } = self;
        let output = run(name, Command::new(program(name)));
        if is_refused(name, &output) {
            return None;
        }
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(text.starts_with("expect    "), "{name}: {text}");
        self.find_fault(&text)
    }

    /// The first line that no claim predicts; none where each is predicted.
    fn find_fault(&self, text: &str) -> Option<String> {
        let mut observed = 0;
        for line in text.lines() {
            let (arm, rest) = line.split_at_checked(10).unwrap_or((line, ""));
            if !matches!(arm.trim(), "observed" | "control") {
                continue;
            }
            observed += usize::from(arm.trim() == "observed");
            let (quantity_name, value) = rest.rsplit_once(": ").expect("a value");
            let of_claim = |claim: &&'static Claim| {
                let found = claim.quantities.iter().find(|it| it.name == quantity_name);
                found.map(|quantity| (*claim, quantity))
            };
            let Some((claim, quantity)) = self.claims.iter().find_map(of_claim) else {
                return Some(format!("no quantity of a claim: {line}"));
            };
            let (predicted, other) = match arm.trim() {
                "observed" => (quantity.experiment, quantity.control),
                _ => (quantity.control, quantity.experiment),
            };
            // Other programs may shift what needs a quiet machine, but not turn it.
            let may_shift = claim.needs.contains(&QUIET_MACHINE);
            let is_right = allows(predicted, value) || may_shift && !allows(other, value);
            if !is_right {
                return Some(format!("predicted {predicted}: {line}"));
            }
        }
        (observed == 0).then(|| format!("nothing was observed: {text}"))
    }
}

/// Whether a prediction allows the value that a program printed.
fn allows(prediction: Prediction, value: &str) -> bool {
    match prediction {
        Prediction::Word(_) => prediction.allows(&Value::Word(value.to_owned())),
        _ => value
            .parse()
            .is_ok_and(|number| prediction.allows(&Value::Number(number))),
    }
}

/// Each program runs under strace with the filter of its header, and each call of it is seen.
pub fn each_runs_under_strace(topic: &Topic, run: Run) {
    let probe = Command::new("strace").args(["-qq", "true"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: strace is missing, or may not trace here");
        return;
    }
    for demonstration in demonstrations(topic) {
        let Demonstration { name, filter, .. } = &demonstration;
        let mut command = Command::new("strace");
        command.args(["-f", "-e", &format!("trace={filter}")]);
        command.arg(program(name));
        let output = run(name, command);
        if is_refused(name, &output) {
            continue;
        }
        let trace = String::from_utf8_lossy(&output.stderr);
        for call in filter.split(',') {
            // `/^clone` is a pattern: whatever begins so.
            let seen = match call.strip_prefix("/^") {
                Some(beginning) => trace.contains(beginning),
                None => trace.contains(&format!("{call}(")),
            };
            assert!(seen, "{name}: {call} is not in its trace:\n{trace}");
        }
    }
}

/// The chapter includes a part of each program, and shows what the program prints, figures masked.
/// What it shows as observed is what the claims predict.
pub fn the_book_shows_what_each_prints(topic: &Topic, run: Run) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let chapter = topic.chapter.expect("a chapter");
    let chapter = fs::read_to_string(root.join(chapter)).expect("the chapter");
    for demonstration in demonstrations(topic) {
        let Demonstration { name, .. } = &demonstration;
        let path = format!("../crates/{}/examples/{name}.rs", topic.name);
        let included = chapter.matches(&format!("{{{{#include {path}:")).count();
        assert!(included > 0, "{name}: the chapter includes no part of it");
        assert!(chapter.contains(&format!("]({path})")), "{name}: no link");
        let command = format!("$ cargo run -p {} --example {name}", topic.name);
        let shown = chapter.split_once(&command).and_then(|(_, rest)| {
            let (_, output) = rest.split_once('\n')?;
            Some(output.split_once("```")?.0)
        });
        let shown = shown.unwrap_or_else(|| panic!("{name}: no output in the chapter"));
        assert_eq!(demonstration.find_fault(shown), None, "{name}");
        let output = run(name, Command::new(program(name)));
        if is_refused(name, &output) {
            continue;
        }
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let mask = |text: &str| text.lines().map(masked).collect::<Vec<_>>();
        assert_eq!(mask(printed.as_str()), mask(shown), "{name}");
    }
}

/// A number becomes `#`, with its digits behind a point: two runs differ in those alone.
fn masked(line: &str) -> String {
    let mut masked = String::new();
    for c in line.chars() {
        let is_digit = c.is_ascii_digit() || c == '.' && masked.ends_with('#');
        if !(is_digit && masked.ends_with('#')) {
            masked.push(if is_digit { '#' } else { c });
        }
    }
    masked
}

/// Whether this machine refused the program what it needs: that is said, and no fault. Any other
/// failure is one.
fn is_refused(name: &str, output: &Output) -> bool {
    const REFUSALS: [&str; 6] = [
        "EPERM",
        "EACCES",
        "ENOSYS",
        "Operation not permitted",
        "Permission denied",
        "an emulated processor",
    ];
    let error = String::from_utf8_lossy(&output.stderr);
    let (_, error) = error.rsplit_once("Error: ").unwrap_or_default();
    if output.status.success() {
        return false;
    }
    let refused = REFUSALS.iter().any(|refusal| error.contains(refusal));
    assert!(refused, "{name}: {}\n{error}", output.status);
    eprintln!("skipped: {name}: {}", error.trim());
    true
}

/// The program: cargo builds the examples of a crate beside the folder of its tests, unless it is
/// asked for one test alone.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let target = test.ancestors().nth(2).expect("the target folder");
    let program = target.join("examples").join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.rs"));
    let written = |path: &Path| fs::metadata(path).and_then(|it| it.modified()).ok();
    assert!(
        written(&program) >= written(&source),
        "{name} is not built from its source as it is: `cargo build --examples` first"
    );
    program
}

/// The tests of a topic's demonstrations.
macro_rules! test_demonstrations {
    ($topic:expr, $run:expr) => {
        #[test]
        fn claims_and_demonstrations_name_each_other() {
            demonstrations::claims_and_demonstrations_name_each_other(&$topic);
        }

        #[test]
        fn each_prints_what_its_claims_predict() {
            demonstrations::each_prints_what_its_claims_predict(&$topic, $run);
        }

        #[test]
        fn the_book_shows_what_each_prints() {
            demonstrations::the_book_shows_what_each_prints(&$topic, $run);
        }

        #[test]
        fn each_runs_under_strace() {
            demonstrations::each_runs_under_strace(&$topic, $run);
        }
    };
}
pub(crate) use test_demonstrations;
