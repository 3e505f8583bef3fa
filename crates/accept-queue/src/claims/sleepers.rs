//! Where workers sleep: in which system call, on which socket. Read from `/proc/PID/syscall` and
//! the descriptor that the call was given, so that what else a worker has open does not matter.

use std::collections::HashMap;

use anyhow::{Context, Result};
use claim::NotMeasured;
use observe::socket::listening_inodes;
use observe::wchan::{Blocked, read_syscall};
use observe::{fdinfo, process};

use crate::workers::Workers;

/// One sleeping worker.
pub(super) struct Sleeper {
    /// Its process id.
    pub(super) pid: i32,
    /// The system call in which it is blocked.
    pub(super) call: Blocked,
}

impl Sleeper {
    /// Whether it is blocked in accept4.
    pub(super) fn accepts(&self) -> bool {
        self.call.number == libc::SYS_accept4
    }

    /// Whether it is blocked in a call on an epoll instance: its first argument is one.
    pub(super) fn is_in_epoll(&self) -> bool {
        self.descriptor()
            .is_ok_and(|name| name == "anon_inode:[eventpoll]")
    }

    /// What the first argument of its call refers to, taken as a descriptor: `socket:[inode]`.
    ///
    /// # Errors
    /// The argument is no descriptor, or may not be read.
    pub(super) fn descriptor(&self) -> Result<String> {
        let fd = i32::try_from(self.call.arguments[0])
            .context("its first argument is not a descriptor")?;
        Ok(process::link(self.pid, fd)?)
    }
}

/// Each of `workers`, which sleep.
///
/// # Errors
/// A kernel that does not tell system calls; a worker that has woken.
pub(super) fn sleepers(workers: &Workers) -> Result<Vec<Sleeper>> {
    look_at(&workers.pids())
}

/// Each of the processes `pids`, which sleep.
///
/// # Errors
/// As [`sleepers`].
pub(super) fn look_at(pids: &[i32]) -> Result<Vec<Sleeper>> {
    let look = |&pid: &i32| {
        let call = read_syscall(pid).map_err(|error| {
            let enable = "use a kernel with /proc/PID/syscall, outside of a sandbox";
            NotMeasured::new(error.to_string(), enable)
        })?;
        let call = call.with_context(|| format!("worker {pid} woke by itself"))?;
        Ok(Sleeper { pid, call })
    };
    pids.iter().map(look).collect()
}

/// The names of the listening sockets that this process may see: `socket:[inode]`.
///
/// # Errors
/// Neither sock_diag(7) nor /proc/net shows them.
pub(super) fn listening() -> Result<Vec<String>> {
    let name = |inode| format!("socket:[{inode}]");
    Ok(listening_inodes()?.into_iter().map(name).collect())
}

/// How many of `workers` sleep in accept4 on one and the same listening socket.
///
/// # Errors
/// As [`sleepers`].
pub(super) fn accept_on_one_socket(workers: &Workers) -> Result<u64> {
    let listening = listening()?;
    let mut on = HashMap::new();
    for sleeper in sleepers(workers)?
        .iter()
        .filter(|sleeper| sleeper.accepts())
    {
        let socket = sleeper.descriptor()?;
        if listening.contains(&socket) {
            *on.entry(socket).or_insert(0) += 1;
        }
    }
    Ok(on.into_values().max().unwrap_or(0))
}

/// How many of `workers` sleep in epoll_wait on an instance that watches one and the same file with
/// EPOLLEXCLUSIVE (`tfd` lines of proc_pid_fdinfo(5)).
///
/// # Errors
/// As [`sleepers`].
pub(super) fn exclusive_on_one_socket(workers: &Workers) -> Result<u64> {
    count_watchers_of_one_file(workers, |events| events & EXCLUSIVE != 0)
}

/// How many of `workers` sleep in epoll_wait on an instance that watches one and the same file,
/// level-triggered and without EPOLLEXCLUSIVE.
///
/// # Errors
/// As [`sleepers`].
pub(super) fn count_level_triggered(workers: &Workers) -> Result<u64> {
    count_watchers_of_one_file(workers, |events| events & (EXCLUSIVE | EDGE) == 0)
}

const EXCLUSIVE: u32 = libc::EPOLLEXCLUSIVE as u32;
const EDGE: u32 = libc::EPOLLET as u32;

fn count_watchers_of_one_file(workers: &Workers, wanted: fn(u32) -> bool) -> Result<u64> {
    let mut on = HashMap::new();
    for sleeper in sleepers(workers)? {
        if sleeper.is_in_epoll() {
            let epoll = sleeper.call.arguments[0] as i32;
            for watch in fdinfo::read(sleeper.pid, epoll)?.watches {
                *on.entry(watch.inode).or_insert(0) += u64::from(wanted(watch.events));
            }
        }
    }
    Ok(on.into_values().max().unwrap_or(0))
}

/// How many of `workers` sleep in system call `number`.
///
/// # Errors
/// As [`sleepers`].
pub(super) fn blocked_in(workers: &Workers, number: libc::c_long) -> Result<u64> {
    let sleepers = sleepers(workers)?;
    let blocked = sleepers
        .iter()
        .filter(|sleeper| sleeper.call.number == number);
    Ok(blocked.count() as u64)
}
