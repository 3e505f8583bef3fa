//! The JSON document keeps to its schema, docs/schema-1.json, and its order is stable.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

mod schema;

use std::process::Command;
use std::sync::LazyLock;

use schema::Schema;
use serde_json::{Value, json};

fn stdout(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_witness"))
        .args(arguments)
        .output();
    let output = output.expect("witness runs");
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn document(arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(arguments)).expect("one JSON document")
}

/// One whole run for every test here: runs at the same time would disturb each other's claims that
/// need a quiet machine, and be measured again.
static WHOLE_RUN: LazyLock<Value> = LazyLock::new(|| document(&["run", "--json"]));

fn schema() -> Schema {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema-1.json");
    let text = std::fs::read_to_string(path).expect("docs/schema-1.json");
    Schema::new(serde_json::from_str(&text).expect("JSON"))
}

/// Ids in the order of the document, with their topics.
fn ids(document: &Value) -> Vec<String> {
    let claims = document["claims"].as_array().expect("claims");
    claims
        .iter()
        .map(|claim| claim["id"].as_str().expect("an id").to_owned())
        .collect()
}

#[test]
fn a_run_keeps_to_the_schema() {
    let document = &*WHOLE_RUN;
    assert_eq!(schema().faults(document), Vec::<String>::new());
    let summary = &document["summary"];
    for verdict in ["holds", "holds_with", "refuted", "not_measured", "error"] {
        let claims = document["claims"].as_array().expect("claims");
        let counted = claims
            .iter()
            .filter(|claim| claim["verdict"] == verdict)
            .count();
        assert_eq!(summary[verdict], json!(counted), "{verdict}");
    }
    assert_eq!(summary["claims"], json!(ids(document).len()));
}

#[test]
fn what_was_measured_is_complete_and_what_was_not_says_why() {
    for claim in WHOLE_RUN["claims"].as_array().expect("claims") {
        let keys = |value: &Value| -> Vec<String> {
            value
                .as_object()
                .expect("by quantity")
                .keys()
                .cloned()
                .collect()
        };
        let (predicted, control) = (
            keys(&claim["predicted"]),
            keys(&claim["control"]["predicted"]),
        );
        assert_eq!(predicted, control, "each quantity has a control");
        assert!(!predicted.is_empty());
        match claim["verdict"].as_str() {
            Some("holds" | "holds_with" | "refuted") => {
                let sorted = |mut keys: Vec<String>| {
                    keys.sort();
                    keys
                };
                let observed = sorted(keys(&claim["observed"]));
                assert_eq!(observed, sorted(keys(&claim["control"]["observed"])));
                assert_eq!(observed, sorted(predicted));
                assert!(
                    claim["evidence"].is_string() && claim["why"].is_null(),
                    "{claim}"
                );
            }
            Some("not_measured") => {
                assert!(claim["why"].is_string() && claim["enable"].is_string())
            }
            verdict => panic!("{verdict:?}: {claim}"),
        }
        assert_eq!(
            claim["caveat"].is_string(),
            claim["verdict"] == "holds_with"
        );
    }
}

#[test]
fn the_order_is_that_of_the_list_in_every_run() {
    let first = ids(&WHOLE_RUN);
    let second = ids(&document(&["run", "--json"]));
    assert_eq!(first, second);
    let list = stdout(&["list"]);
    let indented = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let listed: Vec<&str> = list.lines().filter(indented).map(str::trim).collect();
    assert_eq!(first, listed);
    // The order in which claims are named changes nothing.
    let mut named = vec!["run", "--json"];
    named.extend([first[1].as_str(), first[0].as_str()]);
    assert_eq!(ids(&document(&named)), first[..2]);
}

#[test]
fn a_refused_run_keeps_to_the_schema() {
    let script = "ulimit -n 6; exec \"$0\" run --json";
    let mut shell = Command::new("sh");
    let output = shell
        .args(["-c", script, env!("CARGO_BIN_EXE_witness")])
        .output();
    let output = output.expect("sh runs");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(schema().faults(&document), Vec::<String>::new());
    assert_ne!(document["summary"]["not_measured"], json!(0));
}

/// Each field is there, and this kernel is known.
#[test]
fn the_machine_is_told_whole() {
    let document = document(&["run", "--json", "layers"]);
    let machine = document["machine"].as_object().expect("a machine");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema-1.json");
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("the schema")).expect("JSON");
    let described = schema["properties"]["machine"]["properties"].as_object();
    let described: Vec<&String> = described.expect("fields").keys().collect();
    assert_eq!(machine.keys().collect::<Vec<_>>(), described);
    assert_eq!(machine["is_linux"], json!(true));
    let version = std::fs::read_to_string("/proc/version").expect("/proc/version");
    let told = machine["kernel_version"].as_str().expect("uname -v");
    assert!(version.trim_end().ends_with(told), "{told}");
    assert!(machine["limits"]["nofile"].is_u64() || machine["limits"]["nofile"].is_string());
}

/// The control: the checker finds what is wrong.
#[test]
fn the_schema_refuses_what_it_does_not_describe() {
    let good = document(&["run", "--json", "layers"]);
    let schema = schema();
    assert!(schema.faults(&good).is_empty());
    let mutations: &[(&str, Value)] = &[
        ("/schema", json!(2)),
        ("/kernel", json!(6.18)),
        ("/machine/cpus", json!(0)),
        ("/machine/uid", json!(-1)),
        ("/machine/is_linux", json!("yes")),
        ("/machine/namespaces", json!(["planet"])),
        ("/machine/cpu_share", json!(-0.5)),
        ("/machine/limits/nofile", json!("many")),
        ("/machine/limits/cpu_max", json!(-1)),
        ("/summary/holds", json!("1")),
        ("/claims", json!({})),
        ("/claims/0/verdict", json!("maybe")),
        ("/claims/0/evidence", json!("hearsay")),
        ("/claims/0/observed", json!({ "n": [1] })),
        ("/claims/0/predicted", json!({ "n": { "about": 1 } })),
        ("/claims/0/control", json!({ "predicted": {} })),
        ("/claims/0/details", json!([{ "picture": "" }])),
        ("/claims/0/duration_ms", json!(null)),
        ("/claims/0", json!({ "id": "layers" })),
    ];
    for (at, value) in mutations {
        let mut bad = good.clone();
        *bad.pointer_mut(at).expect("a place in the document") = value.clone();
        assert!(!schema.faults(&bad).is_empty(), "{at} = {value} passed");
    }
    let mut bad = good.clone();
    bad["surplus"] = json!(1);
    assert!(!schema.faults(&bad).is_empty(), "a surplus field passed");
}
