//! The pre-forked workers of the meter, as the process that forked them sees them: asleep, awake,
//! dead.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use child::{BoxError, Parent};
use harness::interrupt;
use nix::sys::signal::{SigSet, Signal};
use prefork::strategies::Prepared;
use prefork::{Metering, Round, Shared, Tally, Turn};

use crate::counts::{Counter, Counts, Snapshot};
use crate::error::Error;
use crate::worker::Worker;

/// How long the workers have to fall asleep.
const LIMIT: Duration = Duration::from_secs(10);

/// How long the counts of workers that are held must stand still, over [`STILL_LOOKS`] looks.
const STILL: Duration = Duration::from_millis(100);
const STILL_LOOKS: u32 = 5;

/// Forked workers; dropped, they are killed and reaped.
pub struct Workers {
    workers: Vec<Worker>,
    tallies: Shared<[Tally]>,
    round: Shared<Round>,
}

impl Workers {
    /// Forks `count` workers that wait as `prepared` says and close what they accept.
    ///
    /// # Errors
    /// A full table of processes or descriptors, with the limit; an interrupt meanwhile.
    pub fn start(prepared: &mut Prepared, count: usize, metering: Metering) -> Result<Self, Error> {
        Workers::start_as("worker", prepared, count, metering)
    }

    /// As [`Workers::start`], with another name than `worker` for each of them.
    pub(crate) fn start_as(
        name: &str,
        prepared: &mut Prepared,
        count: usize,
        metering: Metering,
    ) -> Result<Self, Error> {
        prefork::ensure_room_for(count)?;
        let tallies = Tally::shared(count)?;
        let round = Round::shared()?;
        let mut workers = Vec::with_capacity(count);
        for index in 0..count {
            interrupt::check()?;
            let body = |_: &mut Parent| {
                accept_and_close(prepared, index, &tallies[index], &round, metering)
            };
            let child = child::fork(name, body);
            let child = child.map_err(|error| prefork::Error::fork(index, count, error))?;
            let worker = Worker::new(child);
            workers.push(worker.map_err(|error| prefork::Error::fork(index, count, error))?);
        }
        Ok(Workers {
            workers,
            tallies,
            round,
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

    /// From here on the workers note nothing of what they do: they run as they would without a
    /// meter. To be called while all sleep.
    pub fn stop_noting(&mut self) {
        self.round.silent.store(1, Relaxed);
    }

    /// From here on the workers count their sleeps by themselves, since the kernel does not.
    pub fn count_by_themselves(&mut self) {
        for worker in &mut self.workers {
            worker.counter = Counter::Worker;
        }
    }

    /// Does `act` and waits until all workers that it wakes have returned to user space. There they
    /// are held, so that what woke the first is still there when the last looks; then they go on.
    ///
    /// # Errors
    /// That of `act`; /proc cannot be read; the counts still move after 10 s.
    pub fn hold_while<T, E: From<Error>>(
        &self,
        act: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.round.gate.close();
        let acted = act().and_then(|done| {
            self.stand_still()?;
            Ok(done)
        });
        self.round.gate.open();
        acted
    }

    /// Waits until all sleep and have counted nothing for [`STILL`], and returns what they have
    /// counted. For workers that count by themselves: a kernel that counts nothing shows no more.
    fn stand_still(&self) -> Result<Snapshot, Error> {
        let deadline = Instant::now() + LIMIT;
        let (mut last, mut since, mut looks) = (None, Instant::now(), 0);
        while looks < STILL_LOOKS || since.elapsed() < STILL {
            interrupt::check()?;
            let now = self.snapshot_asleep()?;
            if now.is_none() || now != last {
                (last, since, looks) = (now, Instant::now(), 0);
            }
            looks += 1;
            if Instant::now() >= deadline {
                return Err(restless_error());
            }
        }
        Ok(last.unwrap_or_default())
    }

    /// Indices and process ids of the workers that have died.
    pub fn dead_workers(&self) -> impl Iterator<Item = (usize, i32)> {
        let workers = self.workers.iter().enumerate();
        workers
            .filter(|(_, worker)| worker.last_counts.is_some())
            .map(|(index, worker)| (index, worker.child.pid()))
    }

    /// Waits until the kernel shows each worker asleep in its call. A worker still awake may have
    /// woken one already checked: this repeats until one pass finds all asleep.
    ///
    /// # Errors
    /// A worker that failed before its first wait, with its error; a worker that is still awake
    /// after 10 s; an interrupt meanwhile.
    pub fn wait_until_asleep(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + LIMIT;
        let mut all_at_once = false;
        while !all_at_once {
            all_at_once = true;
            for index in 0..self.workers.len() {
                while !self.workers[index].is_asleep(&self.tallies[index])? {
                    all_at_once = false;
                    if Instant::now() > deadline {
                        return Err(self.still_awake_error(index));
                    }
                    interrupt::check()?;
                    std::thread::yield_now();
                }
            }
        }
        self.round.asleep.fetch_add(1, Relaxed);
        Ok(())
    }

    fn still_awake_error(&self, index: usize) -> Error {
        let (pid, seconds) = (self.workers[index].child.pid(), LIMIT.as_secs());
        let state = observe::status::read(pid).map_or('?', |status| status.state);
        Error::Stuck(format!(
            "worker {index} (pid {pid}) is in state {state}, not asleep in its call, \
             after {seconds} s"
        ))
    }

    /// Waits until all sleep and no count moves any more, and returns what they have counted.
    ///
    /// # Errors
    /// Those of [`Workers::wait_until_asleep`]; the counts still move after 10 s.
    pub fn settle(&mut self) -> Result<Snapshot, Error> {
        if self.workers.iter().all(|it| it.counter == Counter::Worker) {
            // Where they do not come to rest, one that has failed says why.
            let still = self.stand_still();
            let still = still.or_else(|stuck| self.wait_until_asleep().and(Err(stuck)))?;
            self.round.asleep.fetch_add(1, Relaxed);
            return Ok(still);
        }
        let deadline = Instant::now() + LIMIT;
        let mut last = None;
        loop {
            interrupt::check()?;
            self.wait_until_asleep()?;
            let now = self.snapshot_asleep()?;
            if now.is_some() && now == last {
                return Ok(now.unwrap_or_default());
            }
            if Instant::now() >= deadline {
                return Err(restless_error());
            }
            last = now;
        }
    }

    /// What the workers have counted, without waiting; none where a worker is awake.
    fn snapshot_asleep(&self) -> Result<Option<Snapshot>, Error> {
        let (snapshot, all_asleep) = self.read_counts()?;
        Ok(all_asleep.then_some(snapshot))
    }

    /// What the workers have counted, awake or asleep: the counts may still move.
    ///
    /// # Errors
    /// /proc that cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        Ok(self.read_counts()?.0)
    }

    /// Why these workers cannot serve, in words: signals have stopped some (state T of
    /// proc_pid_stat(5)), or all are dead. None where they can.
    pub fn obstacle(&self) -> Option<String> {
        let states = self.workers.iter().map(|worker| {
            let pid = worker.child.pid();
            let state = observe::status::read(pid).map_or('X', |status| status.state);
            (pid, state)
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
        let stopped = stopped.collect::<Vec<_>>().join(", ");
        (!stopped.is_empty()).then_some(stopped)
    }

    /// What signals from outside have done to the workers so far, in words: who was killed, stopped
    /// or continued. What was counted then is not the work of these workers alone.
    pub fn interference(&self) -> Option<String> {
        let each = self.workers.iter().filter_map(Worker::interference);
        let each = each.collect::<Vec<_>>().join(", ");
        (!each.is_empty()).then_some(each)
    }

    /// The counts of all workers, and whether all sleep.
    fn read_counts(&self) -> Result<(Snapshot, bool), Error> {
        let mut all_asleep = true;
        let mut each = Vec::with_capacity(self.workers.len());
        for (worker, tally) in self.workers.iter().zip(self.tallies.iter()) {
            let (status, stat) = worker.read_counts()?;
            let slept = tally.slept.load(Relaxed);
            let is_ready = tally.ready.load(Relaxed) == 1;
            all_asleep &= worker.last_counts.is_some() || is_ready && status.state == 'S';
            each.push(Counts {
                sleeps: match worker.counter {
                    Counter::Kernel => status.voluntary_switches,
                    Counter::Worker => slept,
                },
                preemptions: status.involuntary_switches,
                cpu_ns: stat.running_ns,
                accepted: tally.accepted.load(Relaxed),
                returns: tally.returns.load(Relaxed),
                slept,
                empty: tally.empty.load(Relaxed),
                again: tally.again.load(Relaxed),
            });
        }
        Ok((Snapshot { each }, all_asleep))
    }
}

fn restless_error() -> Error {
    let seconds = LIMIT.as_secs();
    Error::Stuck(format!(
        "the workers do not come to rest within {seconds} s"
    ))
}

/// The life of worker `index`: it closes what it accepts, until it is killed.
fn accept_and_close(
    prepared: &mut Prepared,
    index: usize,
    tally: &Tally,
    round: &Round,
    metering: Metering,
) -> Result<(), BoxError> {
    // SIGINT and SIGHUP stay blocked: a Ctrl-C reaches the whole group, and the parent ends the
    // workers. But a SIGTERM to this one worker ends it.
    SigSet::from_iter([Signal::SIGTERM]).thread_unblock()?;
    let mut wait = prepared.waiter(index)?;
    let mut close = drop;
    let mut turn = Turn::new(tally, round, metering, &mut close);
    turn.note_ready();
    loop {
        wait.wait(&mut turn)?;
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // All at once: each is reaped by its own drop, which then need not wait for the next.
        for worker in &self.workers {
            let _ = worker.child.signal(Signal::SIGKILL);
        }
    }
}
