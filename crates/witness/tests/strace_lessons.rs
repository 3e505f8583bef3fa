//! Runs every strace lesson and looks for the calls that it announces.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;

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
        &["EPOLLEXCLUSIVE", "connect(", "= 1", "# It takes"],
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

#[test]
fn without_strace_the_message_says_what_to_install() {
    let (status, _, err) = strace("layers", &[("PATH", "/nowhere")]);
    assert_eq!(status, Some(2), "{err}");
    assert!(err.contains("strace is missing; install it"), "{err}");
}

/// A strace that may not trace, as in a container without CAP_SYS_PTRACE.
#[test]
fn a_refused_strace_says_what_to_allow() {
    let folder = temporary::folder().join(format!("refused-strace-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder");
    let script = "#!/bin/sh\necho 'strace: ptrace(PTRACE_TRACEME): EPERM' >&2\nexit 1\n";
    std::fs::write(folder.join("strace"), script).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.join("strace"), mode).expect("ours");
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let (status, _, err) = strace("layers", &[("PATH", &path)]);
    std::fs::remove_dir_all(&folder).expect("ours");
    assert_eq!(status, Some(2), "{err}");
    assert!(
        err.contains("EPERM") && err.contains("allow ptrace"),
        "{err}"
    );
}

#[test]
fn a_claim_that_traces_itself_says_so() {
    let (status, out, err) = strace("strace-makes-the-herd", &[]);
    assert_eq!((status, out.as_str()), (Some(4), ""), "{err}");
    assert!(
        err.contains("cannot be traced: it traces its workers itself"),
        "{err}"
    );
}

#[test]
fn an_unknown_claim_suggests_the_nearest() {
    let (status, _, err) = strace("ofset", &[]);
    assert_eq!(status, Some(2));
    assert_eq!(err, "error: no claim `ofset`; did you mean `offset`?\n");
}

/// A claim for which nobody wrote a lesson is explained by its acts, each in its own arm.
#[test]
fn every_claim_has_a_lesson() {
    let (status, out, err) = strace("access-mode", &[]);
    if status == Some(2) && err.contains("strace") {
        return;
    }
    assert_eq!(status, Some(0), "{out}{err}");
    let (experiment, control) = out.split_once("\nCONTROL\n").expect("two arms");
    assert!(
        experiment.contains("# The measuring process asks for O_RDWR"),
        "{out}"
    );
    assert!(
        experiment.contains("fcntl(5, F_SETFL, O_RDWR|O_APPEND) = 0"),
        "{out}"
    );
    assert!(!experiment.contains("this is done instead"), "{out}");
    assert!(
        control.contains("this is done instead.\n") && control.contains("openat("),
        "{out}"
    );
    assert!(!control.contains("F_SETFL, O_RDWR|O_APPEND)"), "{out}");
}

/// The program need not be where a shell looks for it: its commands name it as it was called.
#[test]
fn a_command_names_the_program_as_it_was_called() {
    let long = "target/as/long/as/a/path/may/be/witness";
    let called = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_witness"));
        std::os::unix::process::CommandExt::arg0(&mut program, long);
        let asked = std::fs::File::open(scripts().join("strace-lazy-pages"));
        program
            .args(arguments)
            .stdin(asked.expect("lines that are no answer"));
        let output = program
            .env("COLUMNS", "100")
            .output()
            .expect("witness runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let tour = called(&["run", "--topic", "promises"]);
    assert!(tour.contains(&format!("\n  {long} strace ")), "{tour}");
    let asked = called(&["ask", "access-mode"]);
    for command in ["run", "explain"] {
        assert!(
            asked.contains(&format!(" {long} {command} access-mode\n")),
            "{asked}"
        );
    }
    let lesson = called(&["strace", "access-mode"]);
    // Whole for a shell, to which a question mark is a pattern.
    let command = lesson.lines().take(2).collect::<Vec<_>>().join("\n");
    let is_whole = command.starts_with("$ strace -f -e \"trace=?")
        && command.ends_with(&format!("\" \\\n    {long} run access-mode"));
    assert!(lesson.is_empty() || is_whole, "{lesson}");
}

/// However narrow the terminal, no word of the command is torn: a shell reads it as one.
#[test]
fn a_long_command_goes_on_behind_backslashes() {
    let (status, out, err) = strace("ways-to-share", &[("COLUMNS", "60")]);
    if status == Some(2) && err.contains("strace") {
        return;
    }
    let command = out
        .strip_prefix("$ ")
        .and_then(|rest| rest.split_once("\nA call stands"));
    let (command, _) = command.expect("a command");
    assert!(command.lines().all(|line| line.len() <= 60), "{command}");
    let script = format!("strace() {{ printf '%s\\n' \"$@\"; }}\n{command}");
    let shell = Command::new("sh").args(["-c", &script]).output();
    let words = String::from_utf8(shell.expect("sh runs").stdout).expect("UTF-8");
    let words: Vec<&str> = words.lines().collect();
    let [_, _, filter, _, run, id] = words[..] else {
        panic!("{words:?}");
    };
    assert_eq!((run, id), ("run", "ways-to-share"));
    let calls = filter.strip_prefix("trace=").expect("a filter").split(',');
    let is_call = |call: &str| call.strip_prefix('?').is_some_and(|it| !it.is_empty());
    assert!(
        calls.clone().count() > 10 && calls.clone().all(is_call),
        "{filter}"
    );
}

#[test]
fn help_says_what_each_status_means() {
    let (_, help, _) = strace("--help", &[]);
    for line in [
        "0        the claim holds\n",
        "1        the claim was refuted\n",
    ] {
        assert!(help.contains(line), "{help}");
    }
}

/// The two arms of the lesson of a claim; none where strace is missing or refused, or the claim is
/// not measured.
fn arms(claim: &str) -> Option<(String, String)> {
    let (status, out, err) = strace(claim, &[]);
    // 4: it is not measured on this machine.
    if status == Some(2) && err.contains("strace") || status == Some(4) {
        return None;
    }
    let (trace, _) = out.split_once("\nThe figures of a run").expect("figures");
    assert!(trace.lines().count() <= 75, "{trace}");
    let (experiment, control) = trace.split_once("\nCONTROL\n").expect("two arms");
    assert!(control.starts_with("  # The control: "), "{control}");
    Some((experiment.to_owned(), control.to_owned()))
}

/// The call below a sentence, without who makes it.
fn call_below<'a>(arm: &'a str, sentence: &str) -> &'a str {
    let (_, below) = arm
        .split_once(sentence)
        .unwrap_or_else(|| panic!("{sentence}: {arm}"));
    let is_call = |line: &&str| line.starts_with("    ");
    let line = below.lines().find(is_call).unwrap_or_default();
    line.trim().split_once("  ").map_or(line, |(_, call)| call)
}

/// A close of a file in /proc is no close of what was registered.
#[test]
fn what_an_instrument_closes_is_left_out() {
    let Some((experiment, control)) = arms("epoll-registers-the-description") else {
        return;
    };
    assert_eq!(
        call_below(&experiment, "# The number 3 is closed"),
        "close(3) = 0"
    );
    assert!(
        !experiment.contains("close(7)") && !control.contains("close(8)"),
        "{experiment}"
    );
    let (before, _) = experiment.split_once("close(3)").expect("closed");
    assert!(before.contains("dup(3) = 7"), "{experiment}");
}

#[test]
fn a_growing_heap_is_a_line_and_not_two_hundred() {
    let Some((experiment, _)) = arms("heap-holes") else {
        return;
    };
    assert_eq!(
        call_below(&experiment, "1000 bytes; by the same call"),
        "brk(…) = …"
    );
}

/// The probe of the loopback device fails, or sends to nobody; it is no client.
#[test]
fn a_client_is_no_probe() {
    let Some((experiment, control)) = arms("port-is-not-an-object") else {
        return;
    };
    for arm in [experiment, control] {
        assert!(!arm.contains("ENETUNREACH"), "{arm}");
        let call = call_below(&arm, "# A client connects");
        assert!(
            call.starts_with("connect(") && !call.contains("htons(9)"),
            "{arm}"
        );
    }
}

#[test]
fn a_client_of_an_act_is_no_probe() {
    let Some((experiment, control)) = arms("backlog-plus-one") else {
        return;
    };
    for arm in [experiment, control] {
        assert!(
            arm.contains("connect(") && !arm.contains("htons(9)"),
            "{arm}"
        );
    }
}

/// Two acts by calls that differ in an address alone are two sentences.
#[test]
fn a_segment_is_entered_and_then_moved() {
    let Some((experiment, _)) = arms("segment-limit") else {
        return;
    };
    for sentence in ["# A segment of 1000 bytes", "# The same limit, and a base"] {
        assert!(
            call_below(&experiment, sentence).starts_with("modify_ldt("),
            "{experiment}"
        );
    }
    assert!(!experiment.contains("by the same call"), "{experiment}");
}

/// A claim whose acts are all in memory has no call to show, and says so.
#[test]
fn an_arm_without_calls_says_what_is_done_in_memory() {
    let Some((experiment, control)) = arms("one-instruction") else {
        return;
    };
    for arm in [experiment, control] {
        assert!(arm.contains("  # No system call shows it: "), "{arm}");
    }
}

/// Of what sleeps until it is woken also the calls that returned are counted.
#[test]
fn accepted_connections_are_counted() {
    let Some((experiment, _)) = arms("accept-wakes-exactly-one") else {
        return;
    };
    let accepted = experiment
        .lines()
        .filter(|line| line.contains("accept4(3") && line.contains(" = "));
    let counts = accepted.filter_map(|line| line.trim().split(' ').next()?.parse::<u32>().ok());
    assert_eq!(counts.sum::<u32>(), 50, "{experiment}");
    assert!(experiment.contains("8 x worker  accept4(3, NULL, NULL, SOCK_CLOEXEC, <unfinished"));
}

#[test]
fn the_three_files_of_a_control_are_shown() {
    let Some((_, control)) = arms("layers") else {
        return;
    };
    assert!(control.contains("3 x control  openat("), "{control}");
}

/// `witness strace CLAIM` with these variables.
fn strace(claim: &str, variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness"));
    command
        .args(["strace", claim])
        .envs(variables.iter().copied());
    let output = command.output().expect("witness runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}
