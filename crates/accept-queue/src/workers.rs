//! The pre-forked workers, as the process that forked them sees them: asleep, awake, dead.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{SigSet, Signal};
use prefork::counts::{Counts, Snapshot};
use prefork::limits::{room_for, too_many};
use prefork::shared::Shared;
use prefork::strategies::Prepared;
use prefork::tally::{Detail, Round, Tally, Turn};

use crate::interrupt;
use crate::worker::{Channels, Worker, counted};

/// How long the workers have to fall asleep.
pub const LIMIT: Duration = Duration::from_secs(10);

/// Forked workers; dropped, they are killed and reaped.
pub struct Workers {
    workers: Vec<Worker>,
    tallies: Shared<Tally>,
    round: Shared<Round>,
    channels: Channels,
    limit: Duration,
}

impl Workers {
    /// Forks `count` workers that wait as `prepared` says and close what they accept.
    ///
    /// # Errors
    /// A full table of processes or descriptors, with the limit that was hit; an interrupt meanwhile.
    pub fn start(prepared: &mut Prepared, count: usize, detail: Detail) -> Result<Self> {
        room_for(count)?;
        let tallies = Shared::zeroed(count).context("mmap the workers' tallies")?;
        let round = Shared::zeroed(1).context("mmap the round")?;
        let mut workers = Vec::with_capacity(count);
        for index in 0..count {
            interrupt::check()?;
            let body = |_: &mut child::Parent| {
                // SIGINT stays held back: a Ctrl-C reaches the whole group, and the parent ends us. But
                // whoever asks one worker to end is heard.
                SigSet::from_iter([Signal::SIGTERM]).thread_unblock()?;
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
            workers.push(Worker::of(child).with_context(|| too_many(index, count))?);
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

    /// From here on they note nothing of what they do: they run as they would without a meter. To be
    /// called while all sleep.
    pub fn note_nothing(&mut self) {
        self.round[0].silent.store(1, Relaxed);
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
    /// One that failed before its first wait, with its error; one that is still awake at the limit; an
    /// interrupt meanwhile.
    pub fn asleep(&mut self) -> Result<()> {
        let deadline = Instant::now() + self.limit;
        let mut all_at_once = false;
        while !all_at_once {
            all_at_once = true;
            for index in 0..self.workers.len() {
                while !self.workers[index].sleeps(&self.tallies[index], &mut self.channels)? {
                    all_at_once = false;
                    if Instant::now() > deadline {
                        return Err(self.awake(index));
                    }
                    interrupt::check()?;
                    std::thread::yield_now();
                }
            }
        }
        self.round[0].asleep.fetch_add(1, Relaxed);
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
            interrupt::check()?;
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

    /// Those that a signal has stopped (state T of proc_pid_stat(5)), or that all are dead, in words; none
    /// where they can serve.
    pub fn unfit(&self) -> Option<String> {
        let states = self.workers.iter().map(|worker| {
            let pid = worker.child.pid();
            (
                pid,
                observe::status::of(pid).map_or('X', |status| status.state),
            )
        });
        let states: Vec<(i32, char)> = states.collect();
        if states.iter().all(|(_, state)| matches!(state, 'Z' | 'X')) {
            return Some("all workers are dead".to_owned());
        }
        let stopped = states
            .iter()
            .enumerate()
            .filter(|(_, (_, state))| matches!(state, 'T' | 't'))
            .map(|(index, (pid, _))| format!("worker {index} (pid {pid}) is stopped"));
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
}

impl Drop for Workers {
    fn drop(&mut self) {
        // All at once; each is then reaped by its own drop, which need not wait for the next.
        for worker in &self.workers {
            let _ = worker.child.signal(Signal::SIGKILL);
        }
    }
}
