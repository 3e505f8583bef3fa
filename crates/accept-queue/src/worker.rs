//! One worker, as its parent sees it: asleep in its call, awake, dead.

use std::sync::atomic::Ordering::Relaxed;

use child::Child;
use observe::schedstat::SchedStat;
use observe::status::Status;
use observe::wchan::WaitChannel;
use prefork::Tally;

use crate::error::Error;

/// Kernel functions in which a worker sleeps while it waits. This list only saves time: of a worker
/// that sleeps in any other function the state is read.
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

/// After so many looks at workers in state S that showed no wait channel, this kernel is taken to
/// show none at all.
const MAX_LOOKS_WITHOUT_CHANNEL: u32 = 20_000;

/// Whether the kernel shows wait channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelSupport {
    /// Not known yet; so many looks have shown none.
    Unknown(u32),
    /// It shows them.
    Shown,
    /// It does not (no CONFIG_KALLSYMS, a sandbox).
    Hidden,
}

/// A forked worker; dropped, it is killed and reaped.
pub(crate) struct Worker {
    pub(crate) child: Child<()>,
    channel: WaitChannel,
    /// Its tally said once that it is about to wait for its first connection. Remembered here, so
    /// that the worker's own cache line is not read again.
    ready: bool,
    /// What the kernel had counted when the worker died.
    pub(crate) last_counts: Option<(Status, SchedStat)>,
}

impl Worker {
    /// The worker that has just been forked as `child`.
    ///
    /// # Errors
    /// EMFILE.
    pub(crate) fn new(child: Child<()>) -> Result<Self, observe::Error> {
        let channel = WaitChannel::open(child.pid())?;
        Ok(Worker {
            child,
            channel,
            ready: false,
            last_counts: None,
        })
    }

    /// Whether the worker sleeps in its call, or is dead. `tally` is its own; `support` is what the
    /// looks at all workers have shown of this kernel's wait channels.
    ///
    /// State S alone is not enough: a process sets it a moment before it gives the CPU up, and a
    /// process that is woken in that moment has not slept. With a wait channel it is off the CPU.
    ///
    /// # Errors
    /// The worker failed by itself, with what it said; /proc cannot be read.
    pub(crate) fn is_asleep(
        &mut self,
        tally: &Tally,
        support: &mut ChannelSupport,
    ) -> Result<bool, Error> {
        if self.last_counts.is_some() {
            return Ok(true);
        }
        self.ready = self.ready || tally.ready.load(Relaxed) == 1;
        let channel = self.channel.read().ok().flatten();
        if let Some(channel) = &channel {
            *support = ChannelSupport::Shown;
            if self.ready && CHANNELS.iter().any(|known| channel.starts_with(known)) {
                return Ok(true);
            }
        }
        // Read before it is reaped: a dead worker keeps its counts until then.
        let counts = kernel_counts(self.child.pid())?;
        if matches!(counts.0.state, 'Z' | 'X') {
            self.ensure_it_was_killed()?;
            self.last_counts = Some(counts);
            return Ok(true);
        }
        if !self.ready || counts.0.state != 'S' {
            return Ok(false);
        }
        if let ChannelSupport::Unknown(looks) = *support {
            *support = match looks {
                MAX_LOOKS_WITHOUT_CHANNEL.. => ChannelSupport::Hidden,
                looks => ChannelSupport::Unknown(looks + 1),
            };
        }
        Ok(channel.is_some() || *support == ChannelSupport::Hidden)
    }

    /// Reaps the dead worker.
    ///
    /// # Errors
    /// It could not start, or failed by itself: what it said.
    fn ensure_it_was_killed(&mut self) -> Result<(), child::Error> {
        match self.child.recv::<()>() {
            Err(error) if matches!(error.kind, child::ErrorKind::Ended(_)) && self.ready => Ok(()),
            answer => answer,
        }
    }
}

/// What the kernel has counted of process `pid`.
///
/// # Errors
/// /proc cannot be read.
pub(crate) fn kernel_counts(pid: i32) -> Result<(Status, SchedStat), observe::Error> {
    Ok((observe::status::of(pid)?, observe::schedstat::of(pid)?))
}
