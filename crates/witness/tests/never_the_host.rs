//! Nothing of the host changes, whatever the kernel answers: every claim runs where the calls that
//! give a process a namespace of its own lie, are refused, or fail. One thread, no test harness: it
//! forks.
//!
//! The host of this test is a room: a network and mounts of its own, which the claims must take for
//! somebody else's.
#![expect(clippy::print_stdout, reason = "a test says how it went")]
#![expect(
    clippy::disallowed_methods,
    reason = "it runs a script and the program on trial"
)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use proof::lies::{Answer, Lie, tell};
use proof::program::end_what_is_left;
use proof::room;
use proof::witness::Witness;

/// How long all claims may take together under one lie.
const LIMIT: Duration = Duration::from_secs(300);

/// The calls by which a process gets namespaces or mounts; those of a line are answered together.
const CALLS: [&str; 3] = ["unshare", "clone,clone3", "setns,mount"];

const ANSWERS: [Answer; 4] = [
    Answer::Zero,
    Answer::Fails(Errno::EPERM),
    Answer::Fails(Errno::ENOSYS),
    Answer::Fails(Errno::ENOMEM),
];

fn main() -> ExitCode {
    // Where a room is refused, the claims get no namespaces either.
    if let Err(error) = room::enter(|| Ok(())) {
        println!("skipped: no network and mounts of its own: {error:#}");
        return ExitCode::SUCCESS;
    }
    match room::enter(run_under_all_lies) {
        Ok(changes) if changes.is_empty() => ExitCode::SUCCESS,
        Ok(changes) => {
            println!("{}", changes.join("\n"));
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all claims under each lie; returns what changed.
fn run_under_all_lies() -> Result<Vec<String>> {
    a_change_is_noticed()?;
    let witness = Witness::at(Path::new(env!("CARGO_BIN_EXE_witness")));
    let mut changes = Vec::new();
    for call in CALLS {
        for answer in ANSWERS {
            let lie = Lie::new(call, answer);
            let before = settings()?;
            let run = tell(&lie, &witness.measure([]), LIMIT)?;
            ensure!(
                !run.late,
                "{lie}: not at its end after {} s",
                LIMIT.as_secs()
            );
            end_what_is_left()?;
            let after = settings()?;
            changes.extend(difference(&before, &after).map(|line| format!("{lie}: {line}")));
        }
    }
    println!(
        "{} lies, {} settings changed",
        CALLS.len() * ANSWERS.len(),
        changes.len()
    );
    Ok(changes)
}

/// The settings of the room, a line each: /proc/sys, mounts, network interfaces.
fn settings() -> Result<String> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scripts/host-settings");
    let output = Command::new(&script)
        .output()
        .context("scripts/host-settings")?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {message}", script.display());
    let mut settings = String::from_utf8_lossy(&output.stdout).into_owned();
    // /sys shows the interfaces of the network in which it was mounted.
    for interface in getifaddrs().context("getifaddrs")? {
        let (name, flags) = (interface.interface_name, interface.flags);
        writeln!(
            settings,
            "interface: {name} {flags:?} {:?}",
            interface.address
        )?;
    }
    Ok(settings)
}

/// The lines that are in one of the texts only.
fn difference<'a>(before: &'a str, after: &'a str) -> impl Iterator<Item = String> + 'a {
    let missing = |all: &'a str, line: &&'a str| !all.lines().any(|other| other == *line);
    let gone = before.lines().filter(move |line| missing(after, line));
    let come = after.lines().filter(move |line| missing(before, line));
    gone.map(|line| format!("gone: {line}"))
        .chain(come.map(|line| format!("new: {line}")))
}

/// Changes a setting of the room, as a claim would that took it for its own.
fn a_change_is_noticed() -> Result<()> {
    let file = "/proc/sys/net/core/somaxconn";
    let before = settings()?;
    let old = std::fs::read_to_string(file).context(file)?;
    std::fs::write(file, "64").context(file)?;
    let after = settings()?;
    std::fs::write(file, old).context(file)?;
    let changes: Vec<String> = difference(&before, &after).collect();
    ensure!(
        changes.len() == 2,
        "a change of {file} was not noticed: {changes:?}"
    );
    Ok(())
}
