//! The pre-forked workers, as the process that forked them sees them: asleep, awake, dead.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use child::Child;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use observe::schedstat::SchedStat;
use observe::status::Status;
use observe::wchan::WaitChannel;

use crate::counts::{Counts, Snapshot};
use crate::shared::Shared;
use crate::strategies::Prepared;
use crate::tally::{Detail, Round, Tally, Turn};

/// How long the workers have to fall asleep.
pub const LIMIT: Duration = Duration::from_secs(10);

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
enum Channels {
    /// Not known yet; so many looks have told nothing.
    Unknown(u32),
    /// It tells them.
    Told,
    /// It does not (no CONFIG_KALLSYMS, a sandbox).
    Silent,
}

/// Forked workers; dropped, they are killed and reaped.
pub struct Workers {
    workers: Vec<Worker>,
    tallies: Shared<Tally>,
    round: Shared<Round>,
    channels: Channels,
    limit: Duration,
}

struct Worker {
    child: Child<()>,
    channel: WaitChannel,
    /// It was seen to be about to wait for its first connection. Remembered, so that the cache line on
    /// which the worker counts is left to it.
    ready: bool,
    /// What the kernel had counted when it died.
    end: Option<(Status, SchedStat)>,
}

impl Workers {
    /// Forks `count` workers that wait as `prepared` says and close what they accept.
    ///
    /// # Errors
    /// A full table of processes or descriptors, with the limit that was hit.
    pub fn start(prepared: &mut Prepared, count: usize, detail: Detail) -> Result<Self> {
        room_for(count)?;
        let tallies = Shared::zeroed(count).context("mmap the workers' tallies")?;
        let round = Shared::zeroed(1).context("mmap the round")?;
        let mut workers = Vec::with_capacity(count);
        for index in 0..count {
            let body = |_: &mut child::Parent| {
                let mut wait = prepared.wait(index)?;
                let tally: &Tally = &tallies[index];
                let mut close = drop;
                let mut turn = Turn::new(tally, &round[0], detail, &mut close);
                turn.ready();
                loop {
                    wait.wait(&mut turn)?;
                }
            };
            let child = child::fork("worker", body).with_context(|| too_many(index, count))?;
            let channel = WaitChannel::open(child.pid())?;
            workers.push(Worker {
                child,
                channel,
                ready: false,
                end: None,
            });
        }
        Ok(Workers {
            workers,
            tallies,
            round,
            channels: Channels::Unknown(0),
            limit: LIMIT,
        })
    }

    /// Their process ids, in the order of their indices.
    pub fn pids(&self) -> Vec<i32> {
        self.workers
            .iter()
            .map(|worker| worker.child.pid())
            .collect()
    }

    /// The tally of worker `index`.
    pub fn tally(&self, index: usize) -> &Tally {
        &self.tallies[index]
    }

    /// Indices and process ids of those that have died.
    pub fn dead(&self) -> impl Iterator<Item = (usize, i32)> {
        let workers = self.workers.iter().enumerate();
        workers
            .filter(|(_, worker)| worker.end.is_some())
            .map(|(index, worker)| (index, worker.child.pid()))
    }

    /// Waits until the kernel says that each worker sleeps in its call: until it finds all of them asleep
    /// one after the other, for one that was still awake may have woken another that was passed by.
    ///
    /// # Errors
    /// One that failed before its first wait, with its error; one that is still awake at the limit.
    pub fn asleep(&mut self) -> Result<()> {
        let deadline = Instant::now() + self.limit;
        let mut all_at_once = false;
        while !all_at_once {
            all_at_once = true;
            for index in 0..self.workers.len() {
                while !self.sleeps(index)? {
                    all_at_once = false;
                    if Instant::now() > deadline {
                        return Err(self.awake(index));
                    }
                    std::thread::yield_now();
                }
            }
        }
        self.round[0].0.fetch_add(1, Relaxed);
        Ok(())
    }

    fn awake(&self, index: usize) -> anyhow::Error {
        let pid = self.workers[index].child.pid();
        let state = observe::status::of(pid).map_or('?', |status| status.state);
        anyhow::anyhow!(
            "worker {index} (pid {pid}) is in state {state}, not asleep in its call, after {:.0} s",
            self.limit.as_secs_f64()
        )
    }

    /// Waits until all sleep and no count moves any more, and reads what they have counted.
    ///
    /// # Errors
    /// As [`Workers::asleep`].
    pub fn settle(&mut self) -> Result<Snapshot> {
        let deadline = Instant::now() + self.limit;
        let mut last = None;
        loop {
            self.asleep()?;
            let now = self.snapshot()?;
            if now.is_some() && now == last {
                return Ok(now.unwrap_or_default());
            }
            ensure!(
                Instant::now() < deadline,
                "the workers do not come to rest within {:.0} s",
                self.limit.as_secs_f64()
            );
            last = now;
        }
    }

    /// What they have counted, without waiting for anything; none where one of them is awake.
    ///
    /// # Errors
    /// /proc that cannot be read.
    pub fn snapshot(&self) -> Result<Option<Snapshot>> {
        let (snapshot, all_asleep) = self.look()?;
        Ok(all_asleep.then_some(snapshot))
    }

    /// The same, awake or asleep: what they have counted may still move.
    ///
    /// # Errors
    /// /proc that cannot be read.
    pub fn latest(&self) -> Result<Snapshot> {
        Ok(self.look()?.0)
    }

    /// Those that a signal has stopped (state T of proc_pid_stat(5)), in words; none where there are
    /// none.
    pub fn stopped(&self) -> Option<String> {
        let alive = self.workers.iter().enumerate();
        let stopped = alive.filter_map(|(index, worker)| {
            let pid = worker.child.pid();
            let status = observe::status::of(pid).ok()?;
            matches!(status.state, 'T' | 't')
                .then(|| format!("worker {index} (pid {pid}) is stopped"))
        });
        let told = stopped.collect::<Vec<_>>().join(", ");
        (!told.is_empty()).then_some(told)
    }

    fn look(&self) -> Result<(Snapshot, bool)> {
        let mut all_asleep = true;
        let mut each = Vec::with_capacity(self.workers.len());
        for (worker, tally) in self.workers.iter().zip(self.tallies.iter()) {
            let (status, stat) = match &worker.end {
                Some(end) => end.clone(),
                None => counted(worker.child.pid())?,
            };
            all_asleep &= worker.end.is_some() || status.state == 'S';
            each.push(Counts {
                sleeps: status.voluntary_switches,
                preemptions: status.involuntary_switches,
                cpu_ns: stat.running_ns,
                accepted: tally.accepted.load(Relaxed),
                returns: tally.returns.load(Relaxed),
                slept: tally.slept.load(Relaxed),
                empty: tally.empty.load(Relaxed),
                again: tally.again.load(Relaxed),
            });
        }
        Ok((Snapshot { each }, all_asleep))
    }

    /// Whether worker `index` sleeps in its call, or is dead.
    ///
    /// State S alone does not say so: a process sets it a moment before it gives the CPU up, and one
    /// that is woken in that moment has not slept. A process that has a wait channel is off the CPU.
    fn sleeps(&mut self, index: usize) -> Result<bool> {
        let worker = &mut self.workers[index];
        if worker.end.is_some() {
            return Ok(true);
        }
        worker.ready = worker.ready || self.tallies[index].ready.load(Relaxed) == 1;
        let channel = worker.channel.read().ok().flatten();
        if let Some(channel) = &channel {
            self.channels = Channels::Told;
            if worker.ready && CHANNELS.iter().any(|known| channel.starts_with(known)) {
                return Ok(true);
            }
        }
        // Not reaped before it is asked what it had to say: a dead worker keeps its counts till then.
        let end = counted(worker.child.pid())?;
        if !matches!(end.0.state, 'Z' | 'X') {
            if !worker.ready || end.0.state != 'S' {
                return Ok(false);
            }
            if let Channels::Unknown(looks) = self.channels {
                self.channels = match looks {
                    SILENT.. => Channels::Silent,
                    looks => Channels::Unknown(looks + 1),
                };
            }
            return Ok(channel.is_some() || self.channels == Channels::Silent);
        }
        // One that could not even start, or that failed by itself, has said why.
        match worker.child.recv::<()>() {
            Err(error) if matches!(error.kind, child::ErrorKind::Ended(_)) && worker.ready => {}
            Err(error) => return Err(error.into()),
            Ok(()) => {}
        }
        worker.end = Some(end);
        Ok(true)
    }
}

/// What the kernel has counted of process `pid`.
fn counted(pid: i32) -> Result<(Status, SchedStat)> {
    Ok((observe::status::of(pid)?, observe::schedstat::of(pid)?))
}

impl Drop for Workers {
    fn drop(&mut self) {
        // All at once; each is then reaped by its own drop, which need not wait for the next.
        for worker in &self.workers {
            let _ = worker.child.signal(Signal::SIGKILL);
        }
    }
}

/// Where in the row of forks it stopped, and which limits are known to stop it.
pub(crate) fn too_many(index: usize, count: usize) -> String {
    format!(
        "fork worker {} of {count} (limits: ulimit -u, ulimit -n, pids.max of the control group)",
        index + 1
    )
}

/// Makes sure, before anything is forked, that this process may hold what `workers` need: a link, a
/// pidfd, a wait channel and perhaps a listening socket each. Raises its own soft limit if it must.
///
/// # Errors
/// The limit that stands in the way.
pub fn room_for(workers: usize) -> Result<()> {
    let needed = 4 * workers as u64 + 64;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("getrlimit RLIMIT_NOFILE")?;
    ensure!(
        needed <= hard,
        "{workers} workers need {needed} descriptors and RLIMIT_NOFILE allows {hard}: \
         raise it (ulimit -Hn) or take fewer workers"
    );
    if needed > soft {
        setrlimit(Resource::RLIMIT_NOFILE, needed, hard).context("setrlimit RLIMIT_NOFILE")?;
    }
    Ok(())
}
