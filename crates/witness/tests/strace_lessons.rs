//! Runs every strace lesson and looks for the calls that it announces.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Both arms of a lesson's trace, explanations included.
struct Trace {
    experiment: String,
    control: String,
    /// The claim's own output, of a run without strace.
    figures: String,
}

/// Runs a lesson on the binary that was built for this test. None where strace is missing or
/// refused: there the clear message is what is tested. scripts/check sees to it that strace is
/// there.
fn trace(lesson: &str) -> Option<Trace> {
    let output = run(lesson, &[]);
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(2) && err.contains("strace") {
        assert!(
            err.contains("install it") || err.contains("allow ptrace"),
            "{err}"
        );
        return None;
    }
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    let (_, rest) = out.split_once("\nEXPERIMENT\n").expect("an experiment");
    let (experiment, rest) = rest.split_once("\nCONTROL\n").expect("a control");
    let (control, figures) = rest.split_once("\n\n").expect("the claim's own output");
    Some(Trace {
        experiment: experiment.to_owned(),
        control: control.to_owned(),
        figures: figures.to_owned(),
    })
}

fn run(lesson: &str, arguments: &[&str]) -> Output {
    let bin = Path::new(env!("CARGO_BIN_EXE_witness"))
        .parent()
        .expect("a folder");
    let mut command = Command::new(scripts().join(lesson));
    command
        .args(arguments)
        .env("WITNESS_BIN", bin)
        .output()
        .expect("bash runs")
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts")
}

/// Each of the words must stand in its arm.
fn announced(lesson: &str, experiment: &[&str], control: &[&str]) -> Option<Trace> {
    let trace = trace(lesson)?;
    for word in experiment {
        assert!(
            trace.experiment.contains(word),
            "{word}, experiment:\n{}",
            trace.experiment
        );
    }
    for word in control {
        assert!(
            trace.control.contains(word),
            "{word}, control:\n{}",
            trace.control
        );
    }
    Some(trace)
}

#[test]
fn fork_shares_offset() {
    announced(
        "strace-fork-shares-offset",
        &["clone(", "# The CHILD reads", "KCMP_FILE", "SEEK_CUR) = 6"],
        &[
            "clone(",
            "openat(AT_FDCWD, \"/proc/self/fd/",
            "KCMP_FILE",
            "SEEK_CUR) = 0",
        ],
    );
}

#[test]
fn port_and_socket() {
    announced(
        "strace-port-and-socket",
        &[
            "unshare(CLONE_NEW",
            "SO_REUSEPORT, [1]",
            "SO_COOKIE",
            "accept4(",
            "# A second namespace",
        ],
        &[
            "unshare(CLONE_NEW",
            "EADDRINUSE",
            "SO_COOKIE",
            "AF_UNSPEC",
            "# The port is refused",
        ],
    );
}

#[test]
fn accept_wakes_one() {
    let trace = announced(
        "strace-accept-wakes-one",
        &[
            "listen(",
            "connect(",
            "accept4(",
            "# The one worker",
            "is the parent of worker",
        ],
        &[
            "listen(",
            "connect(",
            "accept4(",
            "# Each worker that sleeps in poll",
        ],
    );
    let Some(Trace {
        experiment,
        figures,
        ..
    }) = trace
    else {
        return;
    };
    // Those that sleep are counted; who got the connection may be back in the call, too. Neighbours
    // are folded into one line: the worker that is woken may have entered the call between them.
    let asleep: usize = experiment
        .lines()
        .filter(|line| line.contains("accept4(3, NULL, NULL") && line.ends_with("<unfinished ...>"))
        .map(|line| match line.trim_start().split_once(" x worker") {
            Some((count, _)) => count.parse().expect("a count of workers"),
            None => 1,
        })
        .sum();
    assert!((7..=8).contains(&asleep), "{experiment}");
    // No stop by a tracer is counted as a sleep: one connection woke one worker, once.
    let woken = figures
        .lines()
        .skip_while(|line| !line.contains("woke  accepted"));
    let woken = woken
        .skip(1)
        .take(8)
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let woken: Vec<_> = woken.filter(|columns| columns[2..] != ["0", "0"]).collect();
    assert_eq!(woken.len(), 1, "{figures}");
    assert_eq!(woken[0][2..], ["1", "1"], "{figures}");
}

/// Of the workers that wake in the control only those return that still find the connection there:
/// on a busy machine it may be none but the one that gets it, and then there is no EAGAIN.
#[test]
fn herd_epoll() {
    announced(
        "strace-herd-epoll",
        &["EPOLLEXCLUSIVE", "connect(", "= 1", "# A worker takes"],
        &["events=EPOLLIN,", "connect(", "= 1"],
    );
}

#[test]
fn mutex_sleeps_spinlock_burns() {
    const SLEEPS: &str = "FUTEX_WAIT_PRIVATE, 2";
    let trace = announced(
        "strace-mutex-sleeps-spinlock-burns",
        &["getrusage(RUSAGE_THREAD"],
        &[SLEEPS, "FUTEX_WAKE_PRIVATE"],
    );
    if let Some(Trace { experiment, .. }) = trace {
        assert!(
            !experiment.contains(SLEEPS),
            "the spinner made a call:\n{experiment}"
        );
    }
}

#[test]
fn lazy_pages() {
    let Some(trace) = announced("strace-lazy-pages", &["MADV_NOHUGEPAGE"], &["MAP_POPULATE"])
    else {
        return;
    };
    assert!(
        !trace.experiment.contains(" read("),
        "no page is read by a system call"
    );
    // reading, -, writing, -, writing again, -
    let (lazy, populated) = (faults(&trace.experiment), faults(&trace.control));
    assert_eq!(
        (lazy.len(), populated.len()),
        (6, 6),
        "{}{}",
        trace.experiment,
        trace.control
    );
    assert!(
        lazy[0] >= 1024 && lazy[2] >= 1024 && lazy[4] < 100,
        "{lazy:?}"
    );
    assert!(
        populated.iter().all(|&faults| faults < 100),
        "{populated:?}"
    );
}

/// Minor faults between each two getrusage calls of one arm.
fn faults(arm: &str) -> Vec<u64> {
    let count = |line: &str| {
        line.split_once("ru_minflt=")?
            .1
            .split_once(',')?
            .0
            .parse()
            .ok()
    };
    let counts: Vec<u64> = arm.lines().filter_map(count).collect();
    counts
        .windows(2)
        .map(|pair| pair[1].abs_diff(pair[0]))
        .collect()
}

#[test]
fn every_lesson_has_help_and_refuses_a_wrong_argument() {
    let mut lessons = 0;
    for entry in std::fs::read_dir(scripts()).expect("scripts").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("strace-") {
            let help = run(&name, &["-h"]);
            assert!(help.status.success(), "{name} -h");
            assert!(
                String::from_utf8_lossy(&help.stdout).contains("Usage:"),
                "{name} -h"
            );
            assert_eq!(
                run(&name, &["--wrong"]).status.code(),
                Some(2),
                "{name} --wrong"
            );
            lessons += 1;
        }
    }
    assert_eq!(lessons, 6, "a lesson without a test of its own");
}
