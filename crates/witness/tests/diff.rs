//! `witness diff`, the program: documents of real runs, changed by hand, are compared.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use serde_json::{Value, json};

/// The document of a run of three claims.
static RUN: LazyLock<Value> = LazyLock::new(|| {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
    let command = command.args(["run", "--json", "layers", "offset", "access-mode"]);
    let run = command.output().expect("witness runs");
    serde_json::from_slice(&run.stdout).expect("one JSON document")
});

/// A folder with documents, gone when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let number = RandomState::new().hash_one(());
        let path = temporary::folder().join(format!("witness-diff-{number:x}"));
        fs::create_dir(&path).expect("a folder");
        Folder(path)
    }

    fn write(&self, name: &str, document: &Value) {
        self.write_text(name, &document.to_string());
    }

    fn write_text(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).expect("a file");
    }

    /// Status, output and errors of `witness diff` with these arguments, run here.
    fn diff(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        self.diff_in_columns("80", arguments)
    }

    fn diff_in_columns(&self, columns: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
        let command = command.arg("diff").args(arguments).current_dir(&self.0);
        let command = command.env("COLUMNS", columns).stdin(Stdio::null());
        status_and_output(command.output().expect("witness runs"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn status_and_output(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The run, with one claim refuted by a kernel that calls itself Linux.
fn refuted() -> Value {
    let mut document = RUN.clone();
    document["kernel"] = json!("4.4.0");
    document["machine"]["is_linux"] = json!(false);
    document["machine"]["implementation"] = json!("gVisor");
    let claim = &mut document["claims"][0];
    claim["verdict"] = json!("refuted");
    let observed = claim["observed"].as_object_mut().expect("values");
    observed["inodes behind 3 descriptors"] = json!(3);
    document
}

/// The run, with one claim that was not measured, one that is missing, and hostile text.
fn not_measured() -> Value {
    let mut document = RUN.clone();
    let claims = document["claims"].as_array_mut().expect("claims");
    claims.remove(2);
    claims[1]["verdict"] = json!("not_measured");
    claims[1]["observed"] = json!({});
    claims[1]["why"] = json!("a | b \u{1b}[2J: EPERM\nforged");
    document
}

#[test]
fn the_same_is_no_difference() {
    let folder = Folder::new();
    folder.write("a.json", &RUN);
    let (status, out, errors) = folder.diff(&["a.json", "a.json"]);
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    assert!(
        out.contains("3 claims in both: 3 have the same verdict, 0 another"),
        "{out}"
    );
}

#[test]
fn a_verdict_that_changed_is_told_with_its_reason() {
    let folder = Folder::new();
    folder.write("a.json", &RUN);
    folder.write("b.json", &refuted());
    let (status, out, errors) = folder.diff(&["before=a.json", "b.json"]);
    assert_eq!((status, errors.as_str()), (Some(1), ""));
    for part in [
        "before: Linux ",
        "b: gVisor (release 4.4.0)",
        "Verdicts that changed: 1\n  layers\n    before: holds: ",
        "    b: refuted: inodes behind 3 descriptors: 3 (predicted 1)",
        "Quantities that moved: 1",
        "inodes behind 3 descriptors: 1 -> 3 (predicted 1)",
        "3 claims in both: 2 have the same verdict, 1 another",
    ] {
        assert!(out.contains(part), "no `{part}` in\n{out}");
    }
}

#[test]
fn what_was_measured_in_one_only_is_named() {
    let folder = Folder::new();
    folder.write("a.json", &RUN);
    folder.write("b.json", &not_measured());
    let (status, out, _) = folder.diff(&["a.json", "b.json"]);
    assert_eq!(status, Some(1));
    assert!(
        out.contains("Measured in a only: offset, access-mode"),
        "{out}"
    );
    assert!(
        out.contains(r"not measured: a | b \x1b[2J: EPERM\nforged"),
        "{out}"
    );
    let (_, out, _) = folder.diff(&["--json", "b.json", "a.json"]);
    let diff: Value = serde_json::from_str(&out).expect("JSON");
    let only = &diff["comparisons"][0]["measured_only_in_to"];
    assert_eq!(*only, json!(["offset", "access-mode"]));
}

#[test]
fn more_than_two_make_a_table() {
    let folder = Folder::new();
    folder.write("6.18.json", &RUN);
    folder.write("b.json", &refuted());
    folder.write("c.json", &not_measured());
    let three = ["6.18.json", "gvisor=b.json", "c.json"];
    let (status, out, _) = folder.diff(&three);
    assert_eq!(status, Some(1));
    let row = |id: &str| {
        let mut lines = out.lines().filter(|line| line.starts_with(id));
        lines
            .next()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
    };
    assert_eq!(row("claim "), Some(vec!["claim", "6.18", "gvisor", "c"]));
    assert_eq!(row("layers "), Some(vec!["layers", "✔", "✘", "[1]", "✔"]));
    assert_eq!(row("offset "), Some(vec!["offset", "✔", "✔", "-", "[2]"]));
    assert_eq!(row("access-mode "), Some(vec!["access-mode", "✔", "✔"]));
    assert!(
        out.contains("  [1] inodes behind 3 descriptors: 3 (predicted 1)"),
        "{out}"
    );

    let (status, out, _) = folder.diff(&[&["--markdown"], &three[..]].concat());
    assert_eq!(status, Some(1));
    assert!(out.contains("\n| claim | 6.18 | gvisor | c |\n|"), "{out}");
    assert!(
        out.contains("\n| layers | ✔ | ✘ <sup>1</sup> | ✔ |\n"),
        "{out}"
    );
    assert!(
        out.contains("\n1. inodes behind 3 descriptors: 3 (predicted 1)\n"),
        "{out}"
    );
    assert!(
        out.contains("\n2. a \\| b \\\\x1b\\[2J: EPERM\\\\nforged\n"),
        "{out}"
    );

    let (status, out, _) = folder.diff(&[&["--json"], &three[..]].concat());
    assert_eq!(status, Some(1));
    let diff: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        diff["claims"][0]["verdicts"],
        json!(["holds", "refuted", "holds"])
    );
    assert_eq!(
        diff["claims"][2]["verdicts"],
        json!(["holds", "holds", null])
    );
    assert_eq!(diff["documents"][1]["machine"]["implementation"], "gVisor");
    assert_eq!(diff["comparisons"][0]["changed"][0]["id"], "layers");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let folder = Folder::new();
    folder.write("a.json", &RUN);
    folder.write("b.json", &refuted());
    folder.write("c.json", &not_measured());
    for (columns, width) in [("60", 60), ("80", 80)] {
        for files in [&["a.json", "b.json"][..], &["a.json", "b.json", "c.json"]] {
            let (_, out, _) = folder.diff_in_columns(columns, files);
            let wide = out.lines().find(|line| line.chars().count() > width);
            assert_eq!(wide, None, "{columns} columns");
        }
    }
}

#[test]
fn what_is_no_document_is_named_with_the_reason() {
    let folder = Folder::new();
    folder.write("good.json", &RUN);
    let good = RUN.to_string();
    let mut other_schema = RUN.clone();
    other_schema["schema"] = json!(2);
    let mut twice = RUN.clone();
    twice["claims"][1] = twice["claims"][0].clone();
    let mut word = RUN.clone();
    word["claims"][1]["verdict"] = json!("maybe");
    let mut kind = word.clone();
    kind["claims"][1]["id"] = json!(7);
    kind["claims"][1]["verdict"] = json!("holds");
    folder.write("schema.json", &other_schema);
    folder.write("twice.json", &twice);
    folder.write("word.json", &word);
    folder.write("kind.json", &kind);
    folder.write_text("empty.json", "");
    folder.write_text("cut.json", &good[..good.len() / 2]);
    folder.write_text("text.json", "panicked at src/main.rs\n");
    folder.write_text("list.json", r#"{"schema": 1, "claims": []}"#);
    // A verdict of another kind, fields that stand twice, and lists for objects are JSON, too.
    let kinds = [json!(5), json!(null), json!([1]), json!({"holds": 1})];
    for (number, verdict) in kinds.into_iter().enumerate() {
        let mut other = RUN.clone();
        other["claims"][1]["verdict"] = verdict;
        folder.write(&format!("verdict{number}.json"), &other);
    }
    let mut listed = RUN.clone();
    let predicted = listed["claims"][0]["predicted"].as_object_mut();
    let first = predicted.and_then(|quantities| quantities.values_mut().next());
    *first.expect("a quantity") = json!([1]);
    folder.write("listed.json", &listed);
    let id = r#""id":"layers""#;
    folder.write_text("double.json", &good.replacen('{', r#"{"kernel": "6", "#, 1));
    folder.write_text("surrogate.json", &good.replacen(id, r#""id":"\ud800""#, 1));
    let deep = format!("\"id\":{}{}", "[".repeat(300), "]".repeat(300));
    folder.write_text("deep.json", &good.replacen(id, &deep, 1));
    folder.write_text("array.json", "[1, 2, 3]");
    folder.write_text("two.json", &good.repeat(2));
    fs::create_dir(folder.0.join("folder.json")).expect("a folder");
    let zeros = File::create(folder.0.join("zeros.json")).expect("a file");
    zeros.set_len(1 << 30).expect("a file with a hole");
    for (file, reason) in [
        (
            "schema.json",
            "it has schema 2, and this program reads schema 1",
        ),
        ("twice.json", "claim `layers` stands there twice"),
        ("word.json", "`maybe` means nothing there (line "),
        ("kind.json", "a value is of another kind than it should be"),
        ("empty.json", "it is empty"),
        ("cut.json", "it is cut off"),
        ("text.json", "it is no JSON"),
        (
            "verdict0.json",
            "a value is of another kind than it should be",
        ),
        (
            "verdict1.json",
            "a value is of another kind than it should be",
        ),
        (
            "verdict2.json",
            "a value is of another kind than it should be",
        ),
        (
            "verdict3.json",
            "a value is of another kind than it should be",
        ),
        (
            "listed.json",
            "a value is of another kind than it should be",
        ),
        ("double.json", "`kernel` stands there twice"),
        ("surrogate.json", "a text is not valid Unicode"),
        (
            "deep.json",
            "it is not the document of `witness run --json`",
        ),
        (
            "array.json",
            "it is not the document of `witness run --json`",
        ),
        ("two.json", "more stands behind its end"),
        ("list.json", "there is no `kernel` (line 1, column "),
        ("folder.json", "Is a directory"),
        ("zeros.json", "more than 64 MiB"),
        ("missing.json", "No such file"),
    ] {
        for arguments in [["good.json", file], [file, "good.json"]] {
            let (status, out, errors) = folder.diff(&arguments);
            assert_eq!((status, out.as_str()), (Some(2), ""), "{file}: {errors}");
            assert!(errors.contains(file) && errors.contains(reason), "{errors}");
            // No word of the library that reads the documents.
            for word in [
                "expected", "variant", "struct", "serde", "EOF", "field", "invalid",
            ] {
                assert!(!errors.contains(word), "{errors}");
            }
        }
    }
}

#[test]
fn a_wrong_command_line_is_refused() {
    let folder = Folder::new();
    folder.write("a.json", &RUN);
    let mut other = RUN.clone();
    other["claims"] = json!([]);
    folder.write("none.json", &other);
    for (arguments, reason) in [
        (&[][..], "required"),
        (&["a.json"], "2"),
        (&["-", "-"], "once"),
        (&["=a.json", "a.json"], "NAME=FILE"),
        (&["x=a.json", "x=a.json"], "two documents are called `x`"),
        (&["a.json", "a.json", "--tolerance", "nan"], "from 0 to 1"),
        (
            &["a.json", "a.json", "--json", "--markdown"],
            "cannot be used with",
        ),
        (&["a.json", "none.json"], "no claim in common"),
    ] {
        let (status, out, errors) = folder.diff(arguments);
        assert_eq!((status, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(errors.contains(reason), "{arguments:?}: {errors}");
    }
}

#[test]
fn standard_input_is_a_document() {
    let folder = Folder::new();
    folder.write("a.json", &RUN);
    let input = File::open(folder.0.join("a.json")).expect("the file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
    let command = command
        .args(["diff", "a.json", "now=-"])
        .current_dir(&folder.0);
    let (status, out, _) = status_and_output(command.stdin(input).output().expect("witness runs"));
    assert_eq!(status, Some(0));
    assert!(out.contains("\nnow: Linux "), "{out}");
}
