//! The JSON documents of the tools against the tables in docs/address-space-json.md, both ways.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_address-space");
const TABLES: &str = include_str!("../../../docs/address-space-json.md");

/// Path of each field of a tool, and the type that the table gives it.
fn documented(tool: &str) -> BTreeMap<String, String> {
    let heading = format!("\n## {tool}\n");
    let (_, section) = TABLES.split_once(&heading).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .map(|(path, rest)| {
            (
                path.to_owned(),
                rest.split(" | ").next().unwrap().to_owned(),
            )
        })
        .collect()
}

fn document(arguments: &[&str]) -> Value {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON; {error}"))
}

/// Every field of `value` with what it was found to hold.
fn walk(value: &Value, path: &str, found: &mut Vec<(String, &'static str)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = match path {
                    "" => name.clone(),
                    _ => format!("{path}.{name}"),
                };
                found.push((path.clone(), kind(value)));
                walk(value, &path, found);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                walk(element, &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What is wrong with a document, field by field.
fn faults(tool: &str, document: &Value) -> Vec<String> {
    let table = documented(tool);
    let mut found = Vec::new();
    walk(document, "", &mut found);
    let mut faults = Vec::new();
    for (path, kind) in &found {
        match table.get(path) {
            None => faults.push(format!("{path} is not in the table")),
            Some(types) if !types.split(" or ").any(|known| known == *kind) => {
                faults.push(format!("{path} is {kind}, the table says {types}"));
            }
            Some(_) => {}
        }
    }
    // What lies below a null or in an empty array cannot be there.
    let absent = |path: &str| {
        found.iter().any(|(parent, kind)| {
            let below = path.strip_prefix(parent.as_str());
            let elements = format!("{parent}[]");
            below.is_some_and(|below| below.starts_with(['.', '[']))
                && (*kind == "null"
                    || *kind == "array"
                        && !found.iter().any(|(path, _)| path.starts_with(&elements)))
        })
    };
    for path in table.keys() {
        if !found.iter().any(|(known, _)| known == path) && !absent(path) {
            faults.push(format!("{path} is in the table only"));
        }
    }
    faults
}

fn documents() -> [(&'static str, Value); 3] {
    let load = ["replay", "--generate", "uniform", "--operations", "2000"];
    let own = std::process::id().to_string();
    [
        (
            "replay",
            document(&[&load[..], &["--real", "--json"]].concat()),
        ),
        ("inspect", document(&["inspect", &own, "--json"])),
        ("system", document(&["system", "--json"])),
    ]
}

#[test]
fn documents_and_tables_agree() {
    for (tool, document) in documents() {
        assert_eq!(faults(tool, &document), [""; 0], "{tool}");
    }
    let without = ["replay", "--generate", "phases", "--operations", "100"];
    let without = document(&[&without[..], &["--no-search", "--json"]].concat());
    assert_eq!(faults("replay", &without), [""; 0]);
}

/// The control: what does not agree is found.
#[test]
fn a_document_that_departs_is_found() {
    for (tool, document) in documents() {
        let mut more = document.clone();
        more["surplus"] = 1.into();
        assert_eq!(faults(tool, &more), ["surplus is not in the table"]);
        let mut less = document.clone();
        less.as_object_mut().unwrap().remove("schema");
        assert_eq!(faults(tool, &less), ["schema is in the table only"]);
        let mut other = document;
        other["schema"] = "1".into();
        assert_eq!(
            faults(tool, &other),
            ["schema is string, the table says integer"]
        );
    }
}
