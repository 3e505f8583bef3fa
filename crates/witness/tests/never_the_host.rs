//! Nothing of the host changes, whatever the kernel answers: every claim runs where the calls that
//! give a process a namespace of its own lie, are refused, or fail. One thread, no test harness: it
//! forks.
//!
//! The host of this test is a room: a network and mounts of its own, which the claims must take for
//! somebody else's.
#![expect(clippy::print_stdout, reason = "a test says how it went")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use proof::host::Host;
use proof::lies::{Answer, Lie, tell};
use proof::remains::await_descendants;
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
            let before = Room::read()?;
            let run = tell(&lie, &witness.measure([]), LIMIT)?;
            ensure!(
                !run.late,
                "{lie}: not at its end after {} s",
                LIMIT.as_secs()
            );
            await_descendants()?;
            let found = Room::read()?.changes_since(&before).into_iter();
            changes.extend(found.map(|change| format!("{lie}: {change}")));
        }
    }
    println!(
        "{} lies, {} settings changed",
        CALLS.len() * ANSWERS.len(),
        changes.len()
    );
    Ok(changes)
}

/// The state of the room: /proc/sys and mounts; and the network interfaces, since /sys shows those
/// of the network in which it was mounted.
struct Room {
    host: Host,
    interfaces: Vec<String>,
}

impl Room {
    fn read() -> Result<Room> {
        let host = Host::read()?;
        let interfaces = getifaddrs().context("getifaddrs")?;
        let interfaces = interfaces.map(|interface| {
            let (name, flags) = (interface.interface_name, interface.flags);
            format!("{name} {flags:?} {:?}", interface.address)
        });
        Ok(Room {
            host,
            interfaces: interfaces.collect(),
        })
    }

    /// What is different since `before`.
    fn changes_since(&self, before: &Room) -> Vec<String> {
        let mut changes = self.host.changes_since(&before.host);
        if self.interfaces != before.interfaces {
            changes.push(format!(
                "{:?} became {:?}",
                before.interfaces, self.interfaces
            ));
        }
        changes
    }
}

/// Changes a setting of the room, as a claim would that took it for its own.
fn a_change_is_noticed() -> Result<()> {
    let file = "/proc/sys/net/core/somaxconn";
    let before = Room::read()?;
    let old = std::fs::read_to_string(file).context(file)?;
    std::fs::write(file, "64").context(file)?;
    let after = Room::read()?;
    std::fs::write(file, old).context(file)?;
    let changes = after.changes_since(&before);
    ensure!(
        changes.len() == 2,
        "a change of {file} was not noticed: {changes:?}"
    );
    Ok(())
}
