//! `witness strace CLAIM` on any claim: what stands in each arm, and what is left out.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(clippy::expect_used, reason = "a test that cannot start has failed")]

#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::path::Path;
use std::process::Command;

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
        let asked = std::fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
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
    arms_of_width(claim, "100")
}

fn arms_of_width(claim: &str, width: &str) -> Option<(String, String)> {
    let (status, out, err) = strace(claim, &[("COLUMNS", width)]);
    // 4: it is not measured on this machine.
    if status == Some(2) && err.contains("strace") || status == Some(4) {
        return None;
    }
    let (trace, _) = out.split_once("\nThe figures of a run").expect("figures");
    assert!(trace.lines().count() <= 85, "{trace}");
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
        call_below(&experiment, "20,000 blocks of 1000 bytes"),
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

/// What is told once is told with its whole count, and no instrument is among what is counted.
#[test]
fn calls_that_are_alike_are_counted_in_one_line() {
    let Some((experiment, control)) = arms("accept-wakes-exactly-one") else {
        return;
    };
    assert_eq!(
        call_below(&experiment, "# `worker` returns from accept4"),
        ACCEPTED
    );
    for (arm, who) in [(&experiment, "experiment"), (&control, "control")] {
        assert!(arm.contains(&format!("\n    8 x {who}  clone(")), "{arm}");
        assert!(
            arm.contains(&format!("\n    50 x {who}  connect(")),
            "{arm}"
        );
        assert!(!arm.contains("self-check"), "{arm}");
    }
}

const ACCEPTED: &str = "accept4(3, NULL, NULL, SOCK_CLOEXEC) = …";

/// What an act does in memory has its line, and what the control leaves out has one there.
#[test]
fn an_act_without_a_call_has_a_line() {
    let Some((experiment, control)) = arms_of_width("shared-offset-writers", "400") else {
        return;
    };
    let shared = "the measuring process gives both writers one description; ";
    let told = format!("# What the calls above do not show: {shared}");
    assert!(experiment.contains(&told), "{experiment}");
    let appends = "`first writer` opens the file with O_APPEND; `second writer` opens the file";
    let left_out = format!("# Only in the experiment: {shared}{appends}");
    assert!(control.contains(&left_out), "{control}");
}

/// What only the control does is shown there: it is what makes the difference.
#[test]
fn what_only_the_control_does_is_shown() {
    for (claim, sentence, call) in [
        (
            "queue-belongs-to-the-socket",
            "# Only the control accepts",
            "accept4(",
        ),
        (
            "descriptor-table",
            "# Only in the control the thread",
            "unshare(",
        ),
        (
            "any-frame-will-do",
            "# Only the control has the pages",
            "madvise(",
        ),
    ] {
        let Some((experiment, control)) = arms(claim) else {
            continue;
        };
        assert!(
            call_below(&control, sentence).starts_with(call),
            "{control}"
        );
        assert!(!experiment.contains(sentence), "{experiment}");
    }
}

/// A thread that becomes another program goes on under another number, and has succeeded.
#[test]
fn a_thread_becomes_a_shell() {
    let Some((experiment, control)) = arms_of_width("descriptor-table", "400") else {
        return;
    };
    let call = call_below(&experiment, "# `sh` becomes a shell");
    assert!(
        call.starts_with("execve(") && call.ends_with(") = 0"),
        "{experiment}"
    );
    assert!(
        control.contains("# Only in the experiment: `sh` becomes a shell."),
        "{control}"
    );
}

/// The second message of two is none without the first, and what a channel of ours receives is no
/// message of the claim.
#[test]
fn messages_are_those_of_the_claim() {
    let Some((experiment, control)) = arms("socket-is-the-object") else {
        return;
    };
    for arm in [&experiment, &control] {
        assert!(arm.contains("write(5, \"first\", 5) = 5"), "{arm}");
        assert_eq!(arm.matches("recvfrom(").count(), 1, "{arm}");
    }
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
