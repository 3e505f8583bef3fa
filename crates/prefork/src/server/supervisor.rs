//! The parent: forks the workers, replaces the dead, tells who accepted, ends them all.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use child::{Child, HeldSignals};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};

use super::Protocol;
use super::report::Place;
use crate::limits::{room_for, too_many};
use crate::listen::Site;
use crate::shared::Shared;
use crate::strategies::{Prepared, Strategy};
use crate::tally::{Detail, Round, Tally, Turn};

/// How long workers have to end once they are told to.
const GRACE: Duration = Duration::from_secs(2);

/// Deaths within this time, for each worker, that are too many.
const WINDOW: Duration = Duration::from_secs(10);
const TOO_MANY: usize = 5;

/// What to serve, where, and how.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Address, backlog, number of workers.
    pub site: Site,
    /// How the workers wait.
    pub strategy: &'static Strategy,
    /// What they say.
    pub protocol: Protocol,
    /// How long one connection may last.
    pub deadline: Duration,
}

/// What there is to tell.
#[derive(Clone, Debug)]
pub enum Event {
    /// All workers are forked.
    Listening {
        /// The address, with the port that the kernel chose.
        address: SocketAddr,
        /// The backlog in force, which somaxconn may have capped.
        backlog: u32,
    },
    /// What to know of the strategy.
    Caution(&'static str),
    /// A worker died and another has its place.
    Replaced {
        /// Its index.
        index: usize,
        /// How the dead one ended, with its pid.
        end: String,
        /// Process id of the new one.
        pid: i32,
    },
    /// SIGUSR1 asked for it, or the server ended: who accepted how many.
    Accepted(Vec<Place>),
    /// A signal ends the server.
    Ending(Signal),
}

/// Serves until SIGINT or SIGTERM; returns once every worker is gone.
///
/// # Errors
/// EADDRINUSE and its like; workers that cannot be forked, or that die as fast as they are.
pub fn serve(options: &Options, tell: &mut dyn FnMut(Event) -> Result<()>) -> Result<()> {
    room_for(options.site.workers)?;
    // Before the first fork: no signal falls between the fork and its handling.
    let signals = HeldSignals::hold(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGUSR1])
        .context("hold back SIGINT, SIGTERM and SIGUSR1")?;
    let mut server = Server::new(options)?;
    for index in 0..options.site.workers {
        if let Some(signal) = signals.next().filter(|&signal| signal != Signal::SIGUSR1) {
            tell(Event::Ending(signal))?;
            server.end();
            return Ok(());
        }
        let worker = server.fork(index)?;
        server.workers.push(worker);
    }
    let listener = &server.prepared.listeners[0];
    tell(Event::Listening {
        address: listener.local_addr().context("getsockname")?,
        backlog: observe::tcp_info::of(listener)?.sacked,
    })?;
    if let Some(caution) = server.prepared.caution {
        tell(Event::Caution(caution))?;
    }
    loop {
        let dead = server.wait(&signals)?;
        while let Some(signal) = signals.next() {
            if signal != Signal::SIGUSR1 {
                tell(Event::Ending(signal))?;
                server.end();
                return tell(Event::Accepted(server.places()));
            }
            tell(Event::Accepted(server.places()))?;
        }
        for index in dead {
            tell(server.replace(index)?)?;
        }
    }
}

struct Server<'a> {
    options: &'a Options,
    prepared: Prepared,
    tallies: Shared<Tally>,
    workers: Vec<Child<()>>,
    replaced: Vec<u64>,
    deaths: VecDeque<Instant>,
}

impl<'a> Server<'a> {
    fn new(options: &'a Options) -> Result<Self> {
        let count = options.site.workers;
        Ok(Server {
            options,
            prepared: (options.strategy.prepare)(&options.site)?,
            tallies: Shared::zeroed(count).context("mmap the workers' tallies")?,
            workers: Vec::with_capacity(count),
            replaced: vec![0; count],
            deaths: VecDeque::new(),
        })
    }

    fn fork(&mut self, index: usize) -> Result<Child<()>> {
        let Options {
            protocol,
            site,
            strategy,
            deadline,
        } = *self.options;
        let (prepared, tally) = (&mut self.prepared, &self.tallies[index]);
        let body = |_: &mut child::Parent| {
            // SIGINT stays held back: a Ctrl-C reaches the whole group, and the parent ends us.
            SigSet::from_iter([Signal::SIGTERM]).thread_unblock()?;
            let mut wait = prepared.wait(index)?;
            let who = format!(
                "worker {index} of {} (pid {}), strategy {}",
                site.workers,
                std::process::id(),
                strategy.name
            );
            let mut serve = |connection| {
                let nth = tally.accepted.load(Relaxed);
                let who = format!("{who}, connection {nth} of this worker");
                // A client that went away is nobody to tell.
                let _ = protocol.serve(TcpStream::from(connection), &who, deadline);
            };
            // Nobody looks whether the workers sleep, so there are no rounds.
            let round = Round::default();
            let mut turn = Turn::new(tally, &round, Detail::Counts, &mut serve);
            turn.ready();
            loop {
                wait.wait(&mut turn)?;
            }
        };
        child::fork("worker", body).with_context(|| too_many(index, site.workers))
    }

    /// Sleeps until a signal comes or a worker dies; returns the indices of the dead.
    fn wait(&self, signals: &HeldSignals) -> Result<Vec<usize>> {
        let mut fds = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        fds.extend(
            self.workers
                .iter()
                .map(|worker| PollFd::new(worker.pidfd(), PollFlags::POLLIN)),
        );
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => return Ok(Vec::new()),
            polled => polled.context("poll the workers")?,
        };
        let ended = fds[1..].iter().map(|fd| fd.any() == Some(true)).enumerate();
        Ok(ended
            .filter_map(|(index, ended)| ended.then_some(index))
            .collect())
    }

    /// Forks another worker for the place of a dead one.
    fn replace(&mut self, index: usize) -> Result<Event> {
        let end = match self.workers[index].recv::<()>() {
            Err(error) => error.to_string(),
            Ok(()) => "ended".to_owned(),
        };
        let now = Instant::now();
        self.deaths.push_back(now);
        self.deaths
            .retain(|&death| now.duration_since(death) < WINDOW);
        if self.deaths.len() > TOO_MANY * self.workers.len() {
            bail!(
                "{} workers died within {:.0} s; the last: {end}",
                self.deaths.len(),
                WINDOW.as_secs_f64()
            );
        }
        let worker = self.fork(index)?;
        let pid = worker.pid();
        self.workers[index] = worker;
        self.replaced[index] += 1;
        Ok(Event::Replaced { index, end, pid })
    }

    fn places(&self) -> Vec<Place> {
        let places = self
            .workers
            .iter()
            .zip(self.tallies.iter())
            .zip(&self.replaced);
        let place = |((worker, tally), replaced): ((&Child<()>, &Tally), &u64)| Place {
            pid: worker.pid(),
            accepted: tally.accepted.load(Relaxed),
            replaced: *replaced,
        };
        places.map(place).collect()
    }

    /// Ends every worker: SIGTERM to all, then SIGKILL to those that are still there.
    fn end(&mut self) {
        for worker in &self.workers {
            // One that cannot be told is gone, or is killed below.
            let _ = worker.signal(Signal::SIGTERM);
        }
        let deadline = Instant::now() + GRACE;
        for worker in std::mem::take(&mut self.workers) {
            let mut worker = worker.limit(deadline.saturating_duration_since(Instant::now()));
            // A wait that comes to its limit has killed and reaped the worker: a stopped one, say.
            let _ = worker.wait();
            self.workers.push(worker);
        }
    }
}
