//! The claims in surroundings that are not the usual ones: they may be not measured there, and are
//! never refuted or broken.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

use std::process::{Command, Output};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_accept-queue");

/// What a shell ends with that could not make the surroundings.
const NOT_MADE: i32 = 77;

/// The claims `ids` in a network namespace of their own, once `setup` has been done there: for each
/// its verdict and what would enable it. None where no such namespace can be made here.
fn verdicts(setup: &str, ids: &[&str]) -> Option<Vec<(String, String)>> {
    let script = format!(
        "ip link set lo up && {setup} || exit {NOT_MADE}; exec \"$0\" claims --json \"$@\""
    );
    let output = Command::new("unshare")
        .args(["--map-root-user", "--net", "sh", "-c", &script, BINARY])
        .args(ids)
        .output();
    let Ok(Output { status, stdout, .. }) = output else {
        return None;
    };
    let document: Value = match serde_json::from_slice(&stdout) {
        Err(_) if status.code() == Some(NOT_MADE) || stdout.is_empty() => return None,
        document => document.expect("JSON"),
    };
    let claims = document["claims"].as_array().expect("claims").iter();
    let text = |claim: &Value, key: &str| claim[key].as_str().unwrap_or_default().to_owned();
    Some(
        claims
            .map(|it| (text(it, "verdict"), text(it, "enable")))
            .collect(),
    )
}

#[test]
fn a_queue_that_is_too_short_is_not_measured() {
    let ids = [
        "listener-shared-by-fork",
        "queue-belongs-to-the-socket",
        "at-most-one-in-bursts",
        "reuseport-splits-the-queue",
    ];
    let Some(verdicts) = verdicts("echo 1 > /proc/sys/net/core/somaxconn", &ids) else {
        return;
    };
    assert_eq!(verdicts.len(), ids.len());
    for (id, (verdict, enable)) in ids.iter().zip(verdicts) {
        assert_eq!(verdict, "not_measured", "{id}");
        assert!(enable.contains("somaxconn"), "{id}: {enable}");
    }
}

#[test]
fn a_short_queue_is_enough_for_one_connection_at_a_time() {
    let ids = [
        "backlog-plus-one",
        "others-stay-asleep",
        "exclusive-waiters",
    ];
    let Some(verdicts) = verdicts("echo 1 > /proc/sys/net/core/somaxconn", &ids) else {
        return;
    };
    for (id, (verdict, _)) in ids.iter().zip(verdicts) {
        assert!(
            matches!(&*verdict, "holds" | "not_measured"),
            "{id}: {verdict}"
        );
    }
}
