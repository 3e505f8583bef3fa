//! Where no namespace is made, nothing of the one that is there changes; and a loopback is found
//! where one may be raised.
//!
//! The kernel lies in a namespace that ends with its test, never on the host.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]
#![expect(unsafe_code, reason = "a filter is set between fork and exec")]
#![expect(clippy::print_stdout, reason = "a skipped case says so")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde_json::Value;

/// The claims that enter a namespace, and one that only needs the loopback.
const CLAIMS: [&str; 3] = [
    "port-is-not-an-object",
    "backlog-plus-one",
    "workers-sleep-on-one-queue",
];

/// Runs `case` in a thread with a network and a mount namespace of its own, whose loopback is down.
fn in_a_namespace(case: impl FnOnce() + Send + 'static) {
    let network = || fs::read_link("/proc/thread-self/ns/net").expect("/proc");
    let run = move || {
        let host = network();
        if let Err(errno) = unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS) {
            println!("skipped: unshare: {errno}");
            return;
        }
        assert_ne!(network(), host);
        case();
    };
    if let Err(panic) = thread::spawn(run).join() {
        std::panic::resume_unwind(panic);
    }
}

/// A filter under which `call` answers `errno`; with 0 it succeeds and does nothing.
fn filter(call: i64, errno: i32) -> BpfProgram {
    let rules = BTreeMap::from([(call, Vec::new())]);
    let refuse = SeccompAction::Errno(errno as u32);
    let arch = std::env::consts::ARCH.try_into().expect("known");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).expect("a filter");
    filter.try_into().expect("a program")
}

/// Each claim with its verdict and its reason.
fn verdicts(command: &mut Command) -> Vec<(String, String)> {
    let output = command.args(["run", "--json"]).args(CLAIMS).output();
    let output = output.expect("witness runs");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let claims = document["claims"].as_array().cloned().unwrap_or_default();
    assert_eq!(claims.len(), CLAIMS.len(), "{output:?}");
    let text = |claim: &Value, key: &str| claim[key].as_str().unwrap_or_default().to_owned();
    claims
        .iter()
        .map(|claim| (text(claim, "verdict"), without_pid(&text(claim, "why"))))
        .collect()
}

/// `child backlog (pid 4711): ...` says another number in each run.
fn without_pid(why: &str) -> String {
    let parts = why.split_once(" (pid ");
    let parts = parts.and_then(|(before, rest)| Some((before, rest.split_once(')')?.1)));
    parts.map_or_else(
        || why.to_owned(),
        |(before, after)| format!("{before}{after}"),
    )
}

/// The settings below `folder` that can be read.
fn settings(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            settings(&path, found);
        } else if let Ok(value) = fs::read_to_string(&path) {
            found.insert(path.display().to_string(), value);
        }
    }
}

/// What a namespace has: the settings of its network, its mounts, its links.
fn namespace() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    settings(Path::new("/proc/sys/net"), &mut found);
    assert!(found.contains_key("/proc/sys/net/core/somaxconn"));
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo").expect("/proc");
    found.insert("mounts".to_owned(), mounts);
    let links = Command::new("ip").args(["-d", "address"]).output();
    let links = links.expect("ip(8)").stdout;
    let links = String::from_utf8_lossy(&links).into_owned();
    found.insert("links".to_owned(), links);
    found
}

#[test]
fn no_namespace_and_no_change() {
    in_a_namespace(|| {
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status();
        if !up.is_ok_and(|status| status.success()) {
            println!("skipped: ip(8) does not raise the loopback");
            return;
        }
        let before = namespace();
        for errno in [0, Errno::EPERM as i32, Errno::ENOSPC as i32] {
            let program = filter(libc::SYS_unshare, errno);
            let mut witness = Command::new(env!("CARGO_BIN_EXE_witness"));
            // SAFETY: between fork and exec two system calls are made, and nothing is allocated.
            unsafe {
                witness.pre_exec(move || {
                    seccompiler::apply_filter(&program).map_err(std::io::Error::other)
                });
            }
            let verdicts = verdicts(&mut witness);
            assert_eq!(namespace(), before, "unshare answers {errno}");
            for (verdict, why) in &verdicts[..2] {
                // An unshare that does nothing is a kernel without such namespaces.
                assert_eq!(verdict, "not_measured", "{why}");
                assert!(why.contains("unshare"), "{why}");
            }
        }
    });
}

#[test]
fn a_loopback_that_is_down_is_raised_elsewhere() {
    in_a_namespace(|| {
        let before = namespace();
        for (verdict, why) in verdicts(&mut Command::new(env!("CARGO_BIN_EXE_witness"))) {
            if why.contains("RLIMIT_NOFILE") {
                println!("skipped: {why}");
                continue;
            }
            assert!(verdict.starts_with("holds"), "{verdict}: {why}");
        }
        assert_eq!(namespace(), before);
    });
}

/// With CAP_SYS_ADMIN alone a process makes a network namespace and may not raise its loopback.
#[test]
fn a_capability_more_does_not_measure_less() {
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let setpriv = || {
        let mut command = Command::new("setpriv");
        command.args(nobody);
        command
    };
    let witness = env!("CARGO_BIN_EXE_witness");
    if !setpriv()
        .args([witness, "list"])
        .output()
        .is_ok_and(|run| run.status.success())
    {
        println!("skipped: setpriv(1) does not make nobody of this user");
        return;
    }
    let plain = verdicts(setpriv().arg(witness));
    let capabilities = [
        "--inh-caps=-all,+sys_admin",
        "--ambient-caps=-all,+sys_admin",
    ];
    let capable = verdicts(setpriv().args(capabilities).arg(witness));
    assert_eq!(capable, plain);
}
