//! The recorder: a claim runs under strace(1), and each act that it announces must be seen.

mod acts;
mod recording;
mod trace;

pub use acts::{Act, InControl, Word};
pub use recording::{Arm, Recorded, Recording, cut};
pub use trace::{Event, Outcome, TracedCall, read};

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Seek};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use harness::scratch;
use harness::seccomp::equivalents;

use crate::document::{Document, Verdict};
use crate::program::{self, Finished};
use crate::witness::{Claim, Witness};

/// How long a claim may take under strace: its own limit is 30 s, and a noisy machine may have it
/// measured three times.
const LIMIT: Duration = Duration::from_secs(120);

/// How long strace may take to trace a program that does nothing.
const PROBE_LIMIT: Duration = Duration::from_secs(30);

const ABSENT: &str = "strace is missing; install it (Debian: apt-get install strace)";

const ALLOW: &str = "allow ptrace (in a container: --cap-add SYS_PTRACE), or see \
                     /proc/sys/kernel/yama/ptrace_scope";

/// The calls by which processes get their names, and which therefore are always recorded.
const NAMING: [&str; 6] = ["clone", "clone3", "fork", "vfork", "prctl", "execve"];

/// Claims that cannot be measured under strace, each with its reason.
const NOT_UNDER_STRACE: [(&str, &str); 1] = [(
    "strace-makes-the-herd",
    "it traces its workers itself, and a process has one tracer at a time",
)];

/// Why the acts of this claim are not looked for; none where they are.
pub fn reason_against(id: &str) -> Option<&'static str> {
    let mut reasons = NOT_UNDER_STRACE.iter();
    reasons
        .find(|(claim, _)| *claim == id)
        .map(|(_, reason)| *reason)
}

/// What the recorder found out about a claim.
#[derive(Debug)]
pub struct Findings {
    /// How many acts were looked for: those in memory leave no trace.
    pub acts: usize,
    /// What is wrong, an act a line or more.
    pub faults: Vec<String>,
    /// The claim's verdict under strace, which may change what is measured.
    pub verdict: Verdict,
    /// All that was recorded.
    pub recording: Recording,
}

/// Whether strace can be had here: without it nothing is recorded.
pub fn is_possible() -> bool {
    strace()
        .arg("-V")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Makes sure that strace is there and may trace a program that it starts.
///
/// # Errors
/// It is missing, or refused: what strace says, and what a person can do about it.
pub fn require_strace() -> Result<()> {
    let probe = program::run(strace().args(["-o", "/dev/null", "true"]), PROBE_LIMIT);
    let probe = match probe {
        Err(error) if is_absent(&error) => bail!(ABSENT),
        probe => probe?,
    };
    if !probe.status.success() {
        let said = probe.stderr.lines().last().unwrap_or_default().to_owned();
        bail!("strace may not trace here: {said}; {ALLOW}");
    }
    Ok(())
}

/// Records a claim and holds the recording against its acts.
///
/// # Errors
/// strace is missing or may not trace; the program printed no document.
pub fn check(witness: &Witness, claim: &Claim) -> Result<Findings> {
    let calls: BTreeSet<&str> = claim.acts.iter().flat_map(Act::calls).collect();
    let calls = calls.into_iter().flat_map(equivalents);
    let (run, recording) = record(witness, &claim.id, calls)?;
    let verdict = run.read::<Document>()?.into_claim()?.verdict;
    let fault = |act: &Act| {
        let faults = act.faults(&recording).into_iter();
        faults
            .map(|fault| format!("{}: {fault}", act.does))
            .collect::<Vec<_>>()
    };
    Ok(Findings {
        acts: claim.acts.iter().filter(|act| act.call.is_some()).count(),
        faults: claim.acts.iter().flat_map(fault).collect(),
        verdict,
        recording,
    })
}

/// Runs a claim under strace and returns what it printed, and its calls among `calls`.
///
/// # Errors
/// strace is missing or may not trace; the claim takes longer than two minutes.
pub fn record<'a>(
    witness: &Witness,
    id: &str,
    calls: impl IntoIterator<Item = &'a str>,
) -> Result<(Finished, Recording)> {
    record_with(&[], witness, id, calls)
}

/// As [`record`], with further options for strace.
///
/// # Errors
/// As [`record`].
pub fn record_with<'a>(
    options: &[&str],
    witness: &Witness,
    id: &str,
    calls: impl IntoIterator<Item = &'a str>,
) -> Result<(Finished, Recording)> {
    let names: BTreeSet<&str> = calls.into_iter().chain(NAMING).collect();
    // A name with a question mark may be unknown to this architecture.
    let filter: Vec<String> = names.iter().map(|name| format!("?{name}")).collect();
    let mut log = scratch::in_memory(&[])?;
    let command = &mut strace();
    command.args([
        "-f",
        "-q",
        "-s",
        "256",
        "--seccomp-bpf",
        "-e",
        "signal=none",
    ]);
    command.args(options);
    command.args(["-e", &format!("trace={}", filter.join(","))]);
    // This process's descriptor, under its number here.
    let path = format!("/proc/{}/fd/{}", std::process::id(), log.as_raw_fd());
    command
        .args(["-o", &path])
        .arg(witness.path())
        .args(["run", "--json", id]);
    let run = match program::run(command, LIMIT) {
        Err(error) if is_absent(&error) => bail!(ABSENT),
        run => run?,
    };
    if run.late {
        bail!("{id} took longer than {} s under strace", LIMIT.as_secs());
    }
    let mut text = Vec::new();
    log.rewind()
        .and_then(|()| log.read_to_end(&mut text))
        .context("read the trace")?;
    let recording = Recording::sort(read(&String::from_utf8_lossy(&text)));
    if recording.calls(Arm::Experiment).next().is_none() {
        bail!(
            "strace saw no experiment of {id}: {}",
            run.stderr.trim_end()
        );
    }
    Ok((run, recording))
}

fn is_absent(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

#[expect(clippy::disallowed_methods, reason = "the recorder runs strace")]
fn strace() -> Command {
    Command::new("strace")
}
