//! Where the waiting processes are, by the kernel's own account: asleep in accept, on one socket.

use std::collections::HashSet;

use anyhow::{Context, Result};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading, Table};
use observe::wchan::Blocked;
use observe::{process, status, wchan};
use prefork::Metering;
use present::foreign_text::escape;

use super::acts::{self, NO_RETURN, WORKER};
use super::pool::Pool;
use super::sleepers::{Sleeper, count_children, look_at};

const WORKERS: usize = 4;

const ASLEEP: Quantity = Name("workers asleep (state S) in a call whose descriptor is the socket")
    .count(WORKERS as u64, 0);
const SOCKETS: Quantity = Name("sockets that they wait at").count(1, WORKERS as u64);

const FORK: Act = acts::fork("forks four workers", WORKERS);
const ACCEPT: Act = Does("calls accept4 and does not return")
    .call("accept4", NO_RETURN)
    .by(WORKER)
    .times(WORKERS)
    .shown_by(
        "/proc/PID/wchan: a kernel function of accept; where it names one of neither accept nor \
         poll, the number of its call in /proc/PID/syscall; without these files, in the \
         registers that ptrace shows",
    )
    .in_control(InControl::Instead("poll", "POLLIN"));

pub(super) const CLAIM: Claim = Claim {
    id: "workers-sleep-on-one-queue",
    statement: "Processes that call accept on one socket enter the kernel and sleep there, all on \
                that socket.",
    measures: "Four forked workers call accept on the socket that they inherit. Of each, \
               /proc/PID/status tells whether it sleeps, /proc/PID/syscall the call and its first \
               argument, /proc/PID/fd what that descriptor is.",
    control: "four workers that sleep in poll, each at a listening socket of its own",
    notes: &[10],
    example: Some("preforked_server"),
    needs: &["/proc/PID/syscall or ptrace of a child of one's own"],
    acts: &[FORK, ACCEPT],
    man: &["accept(2)", "proc_pid_wchan(5)", "proc_pid_syscall(5)"],
    quantities: &[ASLEEP, SOCKETS],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let start = |workers| Pool::start(arm.choose("blocking", "poll"), workers, Metering::Counts);
    let mut pools = match arm {
        Arm::Experiment => vec![start(WORKERS)?],
        Arm::Control => (0..WORKERS).map(|_| start(1)).collect::<Result<_>>()?,
    };
    for pool in &mut pools {
        pool.workers.wait_until_asleep()?;
    }
    let (mut pids, mut accepting, mut asleep) = (Vec::new(), 0, 0u64);
    let mut sockets = HashSet::new();
    let columns = ["pid", "wait channel", "system call", "waits at"];
    let mut table = Table::new("the workers, asleep", &columns);
    for pool in &pools {
        let socket = pool.socket()?;
        let workers = pool.workers.pids();
        // Before the look, which may wake them.
        let states = states(&workers)?;
        for (sleeper, state) in look_at(&workers)?.into_iter().zip(states) {
            let pid = sleeper.pid;
            let waits_at = waits_at(&sleeper, &socket)?;
            let on_socket = sleeper.descriptor().is_ok_and(|name| name == socket);
            asleep += u64::from(on_socket && state == 'S');
            let name = if sleeper.accepts() {
                "accept4"
            } else {
                "another"
            };
            let Blocked { number, arguments } = sleeper.call;
            let channel = wchan::read(pid).ok().flatten();
            let by_channel = channel.as_deref().and_then(is_in_accept);
            accepting += usize::from(by_channel.unwrap_or(sleeper.accepts()));
            table.row([
                pid.to_string(),
                channel.unwrap_or_else(|| "not told".to_owned()),
                format!("{name} ({number}) {:#x}", arguments[0]),
                waits_at.clone(),
            ]);
            sockets.insert(waits_at);
            pids.push(pid);
        }
    }
    Ok(Reading::kernel()
        .act(&FORK, count_children(&pids, std::process::id())? == WORKERS)
        .act(&ACCEPT, accepting == WORKERS)
        .with(&ASLEEP, asleep)
        .with(&SOCKETS, sockets.len())
        .table(table))
}

/// The state letter of each of the processes `pids`.
fn states(pids: &[i32]) -> Result<Vec<char>> {
    let state = |&pid: &i32| Ok(status::read(pid)?.state);
    pids.iter().map(state).collect()
}

/// The socket at which a worker waits. accept has it as an argument; another call has no such
/// argument, so there it is `listener`, if the worker has that open.
fn waits_at(sleeper: &Sleeper, listener: &str) -> Result<String> {
    if sleeper.accepts() {
        return sleeper.descriptor();
    }
    let pid = sleeper.pid;
    let mut links = process::descriptors(pid)?
        .into_iter()
        .filter_map(|fd| process::link(pid, fd).ok());
    links
        .find(|link| link == listener)
        .map(escape)
        .with_context(|| format!("process {pid} does not have its listening socket"))
}

/// Whether a process with this wait channel sleeps in accept and not in poll; none where the name
/// tells neither: a compiler may have put one function into another, and User-mode Linux names
/// what it finds on the stack (`release_sock`).
fn is_in_accept(channel: &str) -> Option<bool> {
    let names = |parts: &[&str]| parts.iter().any(|part| channel.contains(part));
    // net/ipv4/inet_connection_sock.c: inet_csk_accept, inet_csk_wait_for_connect.
    if names(&["accept", "wait_for_connect"]) {
        return Some(true);
    }
    names(&["poll"]).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::is_in_accept;

    #[test]
    fn a_channel_tells_accept_from_poll_or_nothing() {
        for (channel, expected) in [
            ("inet_csk_accept", Some(true)),
            ("inet_csk_wait_for_connect", Some(true)),
            ("do_sys_poll", Some(false)),
            ("poll_schedule_timeout", Some(false)),
            ("release_sock", None),
        ] {
            assert_eq!(is_in_accept(channel), expected, "{channel}");
        }
    }
}
