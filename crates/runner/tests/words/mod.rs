//! What the command line of every binary promises. Each binary's `tests/words.rs` includes this
//! file and puts its own binary to the test: the words below are one standard for all of them.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod completions;
mod pages;
#[path = "../../../manual/tests/sections/mod.rs"]
mod sections;
#[path = "../../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

/// A binary, and what is its own in the shared command line.
pub struct Binary {
    pub name: &'static str,
    pub path: &'static str,
    /// The word that runs claims.
    pub run: &'static str,
    /// One of its claims.
    pub claim: &'static str,
    /// Its own tools.
    pub tools: &'static [&'static str],
    /// An option of a tool that takes a name, and one of those names.
    pub names: Option<(&'static str, &'static str)>,
}

/// The words that all binaries answer, and what `--help` says of each. The first one is called
/// `run` in the tour and `claims` elsewhere; each knows the other's word, too.
const WORDS: [(&str, &str); 5] = [
    ("", "Run claims and say what became of each [alias: "),
    (
        "list",
        "List the claims, each with the sentence that it tests",
    ),
    (
        "explain",
        "Explain a claim: what it says, how it is measured, what its control is",
    ),
    (
        "selftest",
        "Run claims with experiment and control exchanged: every verdict must turn",
    ),
    ("generate", "Print manual pages or shell completions"),
];

const STATUSES: &str = "\
Exit status:
  0        done; of what was measured, nothing is refuted
  1        a claim was refuted, or what a tool checks did not hold
  2        an error: a set-up broke, a control failed, the command line was
           wrong, or output could not be written
  4        nothing could be measured; with --strict: a claim was not measured
  128 + N  signal N ended the run; what was measured by then is reported
";

/// Values that no argument takes, and one that few take.
const SENSELESS: [&str; 5] = ["99999999999999999999", "-1", "nan", "inf", "0"];

/// Options for which 0 makes sense.
const ZERO_MAKES_SENSE: [&str; 6] = [
    "--seed",
    "--critical",
    "--think",
    "--keep",
    "--backlog",
    "--tolerance",
];

/// What a value is called that may be any text: a file, a program, a part of a name.
const ANY_TEXT: [&str; 4] = ["FILE", "DIR", "COMMAND", "TEXT"];

/// An argument that takes a value, as `--help` shows it.
#[derive(Debug)]
struct Argument {
    /// The name of the option; none of a positional argument.
    option: Option<String>,
    value: String,
}

impl Binary {
    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(self.path)
            .args(arguments)
            .output()
            .expect("the binary runs")
    }

    fn stdout(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
        assert_eq!(error, "", "{arguments:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn help(&self, path: &[&str]) -> String {
        self.stdout(&[path, &["--help"]].concat())
    }

    /// The same words with the same help in each binary, the same statuses, examples of its own.
    pub fn answers_the_words(&self) {
        let help = self.help(&[]);
        for (word, about) in WORDS {
            let word = if word.is_empty() { self.run } else { word };
            let line = help
                .lines()
                .find(|line| line.starts_with(&format!("  {word} ")));
            let line = line.unwrap_or_else(|| panic!("no {word} in {help}"));
            assert!(line.contains(about), "{line}");
        }
        assert!(help.contains(STATUSES), "{help}");
        let examples = help.split("\nExamples:\n").nth(1).expect("examples");
        assert!(examples.lines().count() >= 3, "{examples}");
        for example in examples.lines() {
            let begins = format!("  {}", self.name);
            assert!(example.starts_with(&begins), "{example}");
        }
        for word in [self.run, "selftest"] {
            let help = self.help(&[word]);
            assert!(help.contains("Exit status:\n  0 "), "{word}: {help}");
            assert!(help.contains("marked PARTIAL"), "{word}: {help}");
        }
        for tool in self.tools {
            assert!(help.contains(&format!("\n  {tool} ")), "{tool}: {help}");
        }
        // Either word runs claims in each binary.
        for word in ["run", "claims"] {
            let report = self.stdout(&[word, self.claim]);
            assert!(report.contains("\n1 claim: "), "{report}");
        }
        let explained = self.stdout(&["explain", self.claim]);
        assert!(explained.starts_with(self.claim), "{explained}");
    }

    /// Every subcommand, as the words that lead to it.
    fn subcommands(&self, path: &[String], found: &mut Vec<Vec<String>>) {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        let help = self.help(&words);
        found.push(path.to_vec());
        let commands = help
            .lines()
            .skip_while(|line| *line != "Commands:")
            .skip(1)
            .take_while(|line| line.starts_with("  "));
        for command in commands {
            let name = command.split_whitespace().next().unwrap_or_default();
            if name != "help" && command.starts_with(&format!("  {name}")) {
                self.subcommands(&[path, &[name.to_owned()]].concat(), found);
            }
        }
    }

    fn all_subcommands(&self) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        self.subcommands(&[], &mut found);
        found
    }

    /// No argument of any subcommand takes a number that is out of bounds: it is refused before
    /// anything runs, and the message says for which argument.
    pub fn refuses_senseless_numbers(&self) {
        let mut numbers = 0;
        for path in self.all_subcommands() {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            for argument in arguments(&self.help(&path)) {
                if !ANY_TEXT.contains(&argument.value.as_str()) {
                    numbers += 1;
                    self.refuses(&path, &argument);
                }
            }
        }
        assert!(numbers >= 4, "{numbers} arguments found in the help");
    }

    fn refuses(&self, path: &[&str], argument: &Argument) {
        let zero = argument
            .option
            .as_deref()
            .is_some_and(|option| ZERO_MAKES_SENSE.contains(&option));
        for value in SENSELESS.iter().filter(|value| !(zero && **value == "0")) {
            let given = match &argument.option {
                Some(option) => vec![option.as_str(), value],
                None => vec![*value],
            };
            let output = self.run(&[path, &given].concat());
            let error = String::from_utf8_lossy(&output.stderr);
            let what = format!("{} {path:?} {given:?}: {error}", self.name);
            assert_eq!(output.status.code(), Some(2), "{what}");
            assert!(output.stdout.is_empty(), "{what}");
            assert!(!error.contains("panicked"), "{what}");
            let quoted = [format!("`{value}`"), format!("'{value}'")];
            assert!(quoted.iter().any(|quoted| error.contains(quoted)), "{what}");
            // A name that is not known is named, a number that is out of bounds has its argument
            // named.
            let name = argument.option.as_deref().unwrap_or(&argument.value);
            let is_number = error.contains("it takes ");
            assert!(!is_number || error.contains(name), "{what}");
        }
    }

    /// The list as JSON says what docs/json.md says it does, in the order of the list.
    pub fn lists_as_json(&self) {
        let document: Value =
            serde_json::from_str(&self.stdout(&["list", "--json"])).expect("JSON");
        assert_eq!(document["schema"], 1);
        let claims = document["claims"].as_array().expect("claims");
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/json.md");
        let docs = fs::read_to_string(docs).expect("docs/json.md");
        let list = docs.split("\n## The list").nth(1).expect("a chapter");
        let fields: Vec<&str> = list
            .lines()
            .filter_map(|line| line.strip_prefix("| `claims[].")?.split('`').next())
            .filter(|field| !field.contains('.') && !field.contains('['))
            .collect();
        for claim in claims {
            let keys: Vec<&String> = claim.as_object().expect("an object").keys().collect();
            assert_eq!(keys, fields, "docs/json.md");
        }
        let ids: Vec<&str> = claims
            .iter()
            .filter_map(|claim| claim["id"].as_str())
            .collect();
        let text = self.stdout(&["list"]);
        let indented = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
        let listed: Vec<&str> = text.lines().filter(indented).map(str::trim).collect();
        assert_eq!(ids, listed);
        let topic = claims[0]["topic"].as_str().expect("a topic");
        let of_topic = self.stdout(&["list", "--topic", topic, "--json"]);
        let of_topic: Value = serde_json::from_str(&of_topic).expect("JSON");
        let same = |claim: &&Value| claim["topic"] == topic;
        let expected: Vec<&Value> = claims.iter().filter(same).collect();
        assert_eq!(
            of_topic["claims"]
                .as_array()
                .expect("claims")
                .iter()
                .collect::<Vec<_>>(),
            expected
        );
    }
}

/// The arguments with a value that a long help shows.
fn arguments(help: &str) -> Vec<Argument> {
    let head = |line: &&str| line.starts_with("  ") && !line.starts_with("        ");
    let sections = help
        .lines()
        .skip_while(|line| *line != "Arguments:" && *line != "Options:");
    let ours = sections.take_while(|line| *line != "Exit status:" && *line != "Examples:");
    ours.filter(head)
        .filter_map(|line| argument(line.trim()))
        .collect()
}

/// `-o, --output <FILE>`, `--json`, `[ID]...`, `<PID>`.
fn argument(line: &str) -> Option<Argument> {
    let (name, rest) = line.split_once(['<', '['])?;
    let value = rest.split(['>', ']', ',']).next()?.to_owned();
    let option = name.split_whitespace().last().map(str::to_owned);
    Some(Argument { option, value })
}

/// The tests of one binary.
macro_rules! test_words {
    ($binary:expr) => {
        const BINARY: words::Binary = $binary;

        #[test]
        fn the_words_are_those_of_every_binary() {
            BINARY.answers_the_words();
        }

        #[test]
        fn numbers_out_of_bounds_are_refused_before_anything_runs() {
            BINARY.refuses_senseless_numbers();
        }

        #[test]
        fn every_subcommand_has_a_page() {
            BINARY.writes_a_page_for_every_subcommand();
        }

        #[test]
        fn shells_complete_ids_and_names() {
            BINARY.completes_names();
        }

        #[test]
        fn the_list_as_json_is_what_its_description_says() {
            BINARY.lists_as_json();
        }
    };
}
pub(crate) use test_words;
