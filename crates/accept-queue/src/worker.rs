//! One worker, as its parent sees it: asleep in its call, awake, dead.

use std::sync::atomic::Ordering::Relaxed;

use anyhow::Result;
use child::Child;
use observe::schedstat::SchedStat;
use observe::status::Status;
use observe::wchan::WaitChannel;
use prefork::tally::Tally;

/// Kernel functions in which a worker sleeps while it waits. Only a short cut: of one that sleeps
/// anywhere else the state is asked.
const CHANNELS: &[&str] = &[
    "inet_csk_accept",
    "poll_schedule_timeout",
    "do_epoll_wait",
    "ep_poll",
    "io_cqring_wait",
    "futex_do_wait",
    "futex_wait_queue",
    "locks_lock_inode_wait",
    "fcntl_setlk",
];

/// Looks at a worker that is in state S, without a word about its wait channel, after which the kernel
/// is taken not to tell wait channels at all.
const SILENT: u32 = 20_000;

/// What the kernel tells of wait channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channels {
    /// Not known yet; so many looks have told nothing.
    Unknown(u32),
    /// It tells them.
    Told,
    /// It does not (no CONFIG_KALLSYMS, a sandbox).
    Silent,
}

/// A forked worker; dropped, it is killed and reaped.
pub(crate) struct Worker {
    pub(crate) child: Child<()>,
    channel: WaitChannel,
    /// It was seen to be about to wait for its first connection. Remembered, so that the cache line on
    /// which the worker counts is left to it.
    ready: bool,
    /// What the kernel had counted when it died.
    pub(crate) end: Option<(Status, SchedStat)>,
}

impl Worker {
    /// Takes hold of a worker that has just been forked.
    ///
    /// # Errors
    /// EMFILE.
    pub(crate) fn of(child: Child<()>) -> Result<Self> {
        let channel = WaitChannel::open(child.pid())?;
        Ok(Worker {
            child,
            channel,
            ready: false,
            end: None,
        })
    }

    /// Whether it sleeps in its call, or is dead. `tally` is its own; `channels` is what all workers of one
    /// kernel have found of wait channels.
    ///
    /// State S alone does not say so: a process sets it a moment before it gives the CPU up, and one
    /// that is woken in that moment has not slept. A process that has a wait channel is off the CPU.
    ///
    /// # Errors
    /// It failed by itself, with what it said; /proc cannot be read.
    pub(crate) fn sleeps(&mut self, tally: &Tally, channels: &mut Channels) -> Result<bool> {
        if self.end.is_some() {
            return Ok(true);
        }
        self.ready = self.ready || tally.ready.load(Relaxed) == 1;
        let channel = self.channel.read().ok().flatten();
        if let Some(channel) = &channel {
            *channels = Channels::Told;
            if self.ready && CHANNELS.iter().any(|known| channel.starts_with(known)) {
                return Ok(true);
            }
        }
        // Not reaped before it is asked what it had to say: a dead worker keeps its counts till then.
        let end = counted(self.child.pid())?;
        if !matches!(end.0.state, 'Z' | 'X') {
            if !self.ready || end.0.state != 'S' {
                return Ok(false);
            }
            if let Channels::Unknown(looks) = *channels {
                *channels = match looks {
                    SILENT.. => Channels::Silent,
                    looks => Channels::Unknown(looks + 1),
                };
            }
            return Ok(channel.is_some() || *channels == Channels::Silent);
        }
        // One that could not even start, or that failed by itself, has said why.
        match self.child.recv::<()>() {
            Err(error) if matches!(error.kind, child::ErrorKind::Ended(_)) && self.ready => {}
            Err(error) => return Err(error.into()),
            Ok(()) => {}
        }
        self.end = Some(end);
        Ok(true)
    }
}

/// What the kernel has counted of process `pid`.
///
/// # Errors
/// /proc cannot be read.
pub(crate) fn counted(pid: i32) -> Result<(Status, SchedStat)> {
    Ok((observe::status::of(pid)?, observe::schedstat::of(pid)?))
}
