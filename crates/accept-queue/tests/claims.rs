//! The claims in surroundings that are not the usual ones: they may be not measured there, and are
//! never refuted or broken.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
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

/// The descendants of process `pid` that are called `worker`.
fn workers(pid: u32) -> Vec<Pid> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let pids = children.split_whitespace().map(|pid| pid.parse::<u32>());
    pids.map(|pid| pid.expect("a pid"))
        .flat_map(|pid| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            let own = (name == "worker\n").then(|| Pid::from_raw(pid as i32));
            own.into_iter().chain(workers(pid))
        })
        .collect()
}

/// Runs `id`, and strikes its workers as soon as all `count` of the first arm are there: the
/// verdict and why.
fn strike(id: &str, count: usize, signals: &[Signal]) -> (String, String) {
    let mut process = Command::new(BINARY)
        .args(["claims", "--json", id])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let ended = loop {
        let workers = workers(process.id());
        if workers.len() >= count {
            for &signal in signals {
                // One that has ended meanwhile is not struck: the caller tries again.
                let _ = kill(workers[count / 2], signal);
                while signal == Signal::SIGSTOP && is_running(workers[count / 2]) {
                    std::thread::yield_now();
                }
            }
            break false;
        }
        if process.try_wait().expect("a status").is_some() {
            break true;
        }
        std::thread::yield_now();
    };
    let output = process.wait_with_output().expect("it ends");
    assert!(!ended || !output.stdout.is_empty());
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let claim = &document["claims"][0];
    let text = |key: &str| claim[key].as_str().unwrap_or_default().to_owned();
    (text("verdict"), text("why"))
}

/// Whether `pid` lives and is not stopped.
fn is_running(pid: Pid) -> bool {
    let status = observe::status::read(pid.as_raw());
    status.is_ok_and(|status| !matches!(status.state, 'T' | 'Z' | 'X'))
}

/// A worker that somebody else ends, stops or lets go on does other things than the kernel has it
/// do.
#[test]
fn a_struck_worker_refutes_nothing() {
    let strikes: [(&[Signal], &str); 4] = [
        (&[Signal::SIGTERM], "SIGTERM has killed worker"),
        (&[Signal::SIGKILL], "SIGKILL has killed worker"),
        (&[Signal::SIGSTOP, Signal::SIGCONT], "was stopped, and"),
        (&[Signal::SIGSTOP], "SIGSTOP has stopped worker"),
    ];
    for (id, count) in [("accept-wakes-exactly-one", 8), ("exclusive-waiters", 8)] {
        for (signals, why) in strikes {
            // Struck before it is ready, a worker is one that could not start: an error.
            let told = (0..20).any(|_| {
                let (verdict, said) = strike(id, count, signals);
                assert_ne!(verdict, "refuted", "{id}, {signals:?}: {said}");
                verdict == "not_measured" && said.contains(why)
            });
            assert!(told, "{id}: nobody says: {why}");
        }
    }
}
