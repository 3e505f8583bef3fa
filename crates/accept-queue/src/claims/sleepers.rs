//! Where workers are and sleep: whose children, in which system call, on which socket. Read from
//! /proc, where a call is shown with its descriptor, so that what else a worker has open does not
//! matter.

use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use claim::{Act, NotMeasured, Reading};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use observe::status::{self, Status};
use observe::wchan::Blocked;
use observe::{blocked_call, fdinfo, process};
use present::foreign_text::escape;

use super::pool::Pool;

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
        Ok(escape(process::link(self.pid, fd)?))
    }
}

/// Each of the processes `pids`, which sleep. Where the kernel has no /proc/PID/syscall they are
/// stopped for it, and sleep again when they have begun their call anew.
///
/// # Errors
/// A kernel that does not tell system calls; a worker that has woken.
pub(super) fn look_at(pids: &[i32]) -> Result<Vec<Sleeper>> {
    let look = |&pid: &i32| {
        let call = blocked_call::read(pid).map_err(|error| {
            let enable = "use a kernel with /proc/PID/syscall, or run it where ptrace is allowed";
            NotMeasured::new(error.to_string(), enable)
        })?;
        let call = call.with_context(|| format!("worker {pid} woke by itself"))?;
        Ok(Sleeper { pid, call })
    };
    pids.iter().map(look).collect()
}

/// How many of the processes `pids` live and are children of process `parent`.
///
/// # Errors
/// A process that is gone.
pub(super) fn count_children(pids: &[i32], parent: u32) -> Result<usize> {
    let is_child =
        |status: &Status| status.parent == parent as i32 && !matches!(status.state, 'Z' | 'X');
    let statuses = statuses(pids)?;
    Ok(statuses.iter().filter(|status| is_child(status)).count())
}

/// Whether each of the processes `pids` sleeps, or is gone.
pub(super) fn are_asleep(pids: &[i32]) -> bool {
    let is_awake = |status: Status| !matches!(status.state, 'S' | 'Z' | 'X');
    !pids
        .iter()
        .any(|&pid| status::read(pid).is_ok_and(is_awake))
}

/// Whether none of the processes `pids` is traced.
///
/// # Errors
/// A process that is gone.
pub(super) fn are_untraced(pids: &[i32]) -> Result<bool> {
    Ok(statuses(pids)?.iter().all(|status| status.tracer == 0))
}

/// Whether all processes `pids` may run on one CPU only, the same for all.
///
/// # Errors
/// A process that is gone.
pub(super) fn are_on_one_cpu(pids: &[i32]) -> Result<bool> {
    let statuses = statuses(pids)?;
    let mut cpus: Vec<&str> = statuses.iter().map(|it| it.allowed_cpus.as_str()).collect();
    cpus.dedup();
    // A list of several CPUs, `0-3`, is no number.
    Ok(matches!(cpus[..], [cpu] if cpu.parse::<usize>().is_ok()))
}

fn statuses(pids: &[i32]) -> Result<Vec<Status>> {
    let read = |&pid: &i32| Ok(status::read(pid)?);
    pids.iter().map(read).collect()
}

/// How many workers sleep in accept4 on the listening socket.
///
/// # Errors
/// As [`look_at`].
pub(super) fn count_in_accept(pool: &Pool) -> Result<usize> {
    let socket = pool.socket()?;
    let sleepers = look_at(&pool.workers.pids())?;
    let mut count = 0;
    for sleeper in sleepers.iter().filter(|sleeper| sleeper.accepts()) {
        count += usize::from(sleeper.descriptor()? == socket);
    }
    Ok(count)
}

/// How many workers sleep in epoll_wait on an instance that watches the listening socket with
/// EPOLLEXCLUSIVE.
///
/// # Errors
/// As [`look_at`].
pub(super) fn count_exclusive(pool: &Pool) -> Result<usize> {
    let watch = |events| events & EXCLUSIVE != 0;
    count_watchers(&pool.workers.pids(), pool.inode()?, watch)
}

/// How many workers sleep in epoll_wait on an instance that watches the listening socket
/// level-triggered and without EPOLLEXCLUSIVE.
///
/// # Errors
/// As [`look_at`].
pub(super) fn count_level_triggered(pool: &Pool) -> Result<usize> {
    count_watchers(&pool.workers.pids(), pool.inode()?, is_level_triggered)
}

/// Whether these events are those of a plain waiter: told as long as there is something to read,
/// and not by turns.
pub(super) fn is_level_triggered(events: u32) -> bool {
    events & (EXCLUSIVE | EDGE) == 0
}

/// Whether this kernel tells in /proc/PID/fdinfo what an epoll instance watches: asked of one that
/// watches a pipe. gVisor does not.
///
/// # Errors
/// Those of epoll_create(2), pipe(2) and epoll_ctl(2); fdinfo cannot be read.
pub(super) fn are_watches_told() -> Result<bool> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("epoll_create1")?;
    let (reader, _writer) = std::io::pipe().context("pipe")?;
    let added = epoll.add(&reader, EpollEvent::new(EpollFlags::EPOLLIN, 0));
    added.context("epoll_ctl EPOLL_CTL_ADD")?;
    let info = fdinfo::read(std::process::id() as i32, epoll.0.as_raw_fd())?;
    Ok(!info.watches.is_empty())
}

/// Says in `reading` whether `workers` workers did `watch`, of which `asleep` were counted by
/// [`count_watchers`]. Leaves it out where the kernel does not tell it, unless not even so many
/// sleep on an epoll instance as `due`.
///
/// # Errors
/// As [`are_watches_told`].
pub(super) fn show_watch(
    reading: Reading,
    watch: &Act,
    asleep: usize,
    (workers, due): (usize, usize),
) -> Result<Reading> {
    Ok(if asleep < due || are_watches_told()? {
        reading.act(watch, asleep == workers)
    } else {
        reading.leave_out(
            "this kernel tells in /proc/PID/fdinfo nothing of what an epoll instance watches",
            &[],
            std::slice::from_ref(watch),
        )
    })
}

const EXCLUSIVE: u32 = libc::EPOLLEXCLUSIVE as u32;
const EDGE: u32 = libc::EPOLLET as u32;

/// How many of the processes `pids` sleep on an epoll instance that watches the file `inode` for
/// events that are `wanted`; where the kernel does not tell this, how many sleep on any.
///
/// # Errors
/// As [`look_at`].
pub(super) fn count_watchers(pids: &[i32], inode: u64, wanted: fn(u32) -> bool) -> Result<usize> {
    let sleepers = look_at(pids)?.into_iter();
    let sleepers: Vec<Sleeper> = sleepers.filter(Sleeper::is_in_epoll).collect();
    if !are_watches_told()? {
        return Ok(sleepers.len());
    }
    let mut count = 0;
    for sleeper in sleepers {
        let epoll = sleeper.call.arguments[0] as i32;
        let watches = fdinfo::read(sleeper.pid, epoll)?.watches;
        let mut watches = watches.iter();
        count += usize::from(watches.any(|it| it.inode == inode && wanted(it.events)));
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_tells_what_is_watched() {
        assert!(are_watches_told().unwrap());
    }
}
