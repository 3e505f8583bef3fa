//! The parent: forks the workers, replaces dead ones, reports which worker accepted, stops all.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use child::{Child, HeldSignals};
use locks::Shared;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};

use super::Protocol;
use super::places::WorkerPlace;
use crate::error::{BoxError, Error, ErrorKind};
use crate::limits::ensure_room_for;
use crate::listen::Site;
use crate::strategies::{Prepared, Strategy};
use crate::tally::{Metering, Round, Tally, Turn};

/// How long the workers have to end after SIGTERM; then they are killed.
const GRACE: Duration = Duration::from_secs(2);

/// The server ends when more than `MAX_DEATHS` deaths for each worker fall within `DEATH_WINDOW`.
const DEATH_WINDOW: Duration = Duration::from_secs(10);
const MAX_DEATHS: usize = 5;

/// What to serve, where, and how.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// Address, backlog, number of workers.
    pub site: Site,
    /// How the workers wait.
    pub strategy: &'static Strategy,
    /// How the workers answer.
    pub protocol: Protocol,
    /// How long one connection may last.
    pub deadline: Duration,
    /// The server ends once its workers have served so many connections to their end; those that
    /// came later are cut then. None: it ends by a signal only.
    pub connections: Option<u64>,
}

/// What a running server reports.
#[derive(Clone, Debug)]
pub enum ServerEvent {
    /// All workers are forked.
    Listening {
        /// The address, with the port that the kernel chose.
        address: SocketAddr,
        /// The backlog in force, in connections, which net.core.somaxconn may have capped.
        backlog: u32,
    },
    /// What to know of the strategy.
    Caution(&'static str),
    /// A worker died and a new one has its place.
    Replaced {
        /// Index of the place, from 0.
        index: usize,
        /// How the dead worker ended, with its process id.
        end: String,
        /// Process id of the new worker.
        pid: i32,
    },
    /// SIGUSR1 came, or the server ends: how many connections each worker has accepted.
    Accepted(Vec<WorkerPlace>),
    /// A signal ends the server.
    Ending(Signal),
}

/// Serves until SIGINT or SIGTERM, or until [`ServerOptions::connections`] are served; returns once
/// every worker has ended and is reaped. `on_event` gets each [`ServerEvent`]; an error that it
/// returns ends the server, too.
///
/// The calling process must have one thread (fork(2)). SIGINT, SIGTERM and SIGUSR1 stay blocked in
/// it afterwards (signalfd(2)).
///
/// # Errors
/// [`ErrorKind::Address`], EADDRINUSE and its like; [`ErrorKind::NoRoom`] or [`ErrorKind::Fork`]
/// for workers that cannot be forked; [`ErrorKind::WorkersDie`] where they die as fast as they are
/// replaced; what `on_event` returned.
pub fn serve<E: From<Error>>(
    options: &ServerOptions,
    on_event: &mut dyn FnMut(ServerEvent) -> Result<(), E>,
) -> Result<(), E> {
    ensure_room_for(options.site.workers)?;
    // Before the first fork: no signal falls between the fork and its handling.
    let signals = HeldSignals::hold(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGUSR1])
        .map_err(Error::system("signalfd", "SIGINT, SIGTERM and SIGUSR1"))?;
    let mut server = Server::new(options)?;
    for index in 0..options.site.workers {
        if let Some(signal) = signals.next().filter(|&signal| signal != Signal::SIGUSR1) {
            on_event(ServerEvent::Ending(signal))?;
            server.stop_workers();
            return Ok(());
        }
        let worker = server.fork(index)?;
        server.workers.push(worker);
    }
    on_event(server.listening()?)?;
    if let Some(caution) = server.prepared.caution {
        on_event(ServerEvent::Caution(caution))?;
    }
    loop {
        let dead = server.wait_for_deaths(&signals)?;
        while let Some(signal) = signals.next() {
            if signal != Signal::SIGUSR1 {
                on_event(ServerEvent::Ending(signal))?;
                server.stop_workers();
                return on_event(ServerEvent::Accepted(server.places()));
            }
            on_event(ServerEvent::Accepted(server.places()))?;
        }
        if has_served_all(&server.tallies, options.connections) {
            server.stop_workers();
            return on_event(ServerEvent::Accepted(server.places()));
        }
        for index in dead {
            on_event(server.replace_worker(index)?)?;
        }
    }
}

/// Whether the workers together have served all `connections` that the server was started for.
fn has_served_all(tallies: &[Tally], connections: Option<u64>) -> bool {
    let served = || tallies.iter().map(|tally| tally.served.load(Relaxed)).sum();
    connections.is_some_and(|limit| limit <= served())
}

struct Server<'a> {
    options: &'a ServerOptions,
    prepared: Prepared,
    tallies: Shared<[Tally]>,
    workers: Vec<Child<()>>,
    replaced: Vec<u64>,
    deaths: VecDeque<Instant>,
}

impl<'a> Server<'a> {
    fn new(options: &'a ServerOptions) -> Result<Self, Error> {
        let count = options.site.workers;
        Ok(Server {
            options,
            prepared: (options.strategy.prepare)(&options.site)?,
            tallies: Tally::shared(count)?,
            workers: Vec::with_capacity(count),
            replaced: vec![0; count],
            deaths: VecDeque::new(),
        })
    }

    fn listening(&self) -> Result<ServerEvent, Error> {
        let info = observe::tcp_info::read(&self.prepared.listeners[0]);
        let backlog = info
            .map_err(Error::system("getsockopt", "TCP_INFO"))?
            .sacked;
        let address = self.prepared.address()?;
        Ok(ServerEvent::Listening { address, backlog })
    }

    fn fork(&mut self, index: usize) -> Result<Child<()>, Error> {
        let workers = self.options.site.workers;
        let (options, prepared, tallies) = (self.options, &mut self.prepared, &self.tallies);
        child::fork("worker", |_| work(options, prepared, tallies, index))
            .map_err(|error| Error::fork(index, workers, error))
    }

    /// Sleeps until a signal comes or a worker dies; returns the indices of the dead.
    fn wait_for_deaths(&self, signals: &HeldSignals) -> Result<Vec<usize>, Error> {
        let mut fds = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        fds.extend(
            self.workers
                .iter()
                .map(|worker| PollFd::new(worker.end_fd(), PollFlags::POLLIN)),
        );
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => return Ok(Vec::new()),
            polled => polled.map_err(Error::system("poll", "the workers"))?,
        };
        let ended = fds[1..].iter().map(|fd| fd.any() == Some(true)).enumerate();
        Ok(ended
            .filter_map(|(index, ended)| ended.then_some(index))
            .collect())
    }

    /// Forks a new worker for the place of a dead one.
    fn replace_worker(&mut self, index: usize) -> Result<ServerEvent, Error> {
        let end = match self.workers[index].recv::<()>() {
            Err(error) => error.to_string(),
            Ok(()) => "ended".to_owned(),
        };
        let now = Instant::now();
        self.deaths.push_back(now);
        self.deaths
            .retain(|&death| now.duration_since(death) < DEATH_WINDOW);
        if self.deaths.len() > MAX_DEATHS * self.workers.len() {
            let (deaths, seconds) = (self.deaths.len(), DEATH_WINDOW.as_secs());
            let why = format!("{deaths} workers died within {seconds} s; the last: {end}");
            return Err(Error::new(
                ErrorKind::WorkersDie,
                "replace",
                "a worker",
                why,
            ));
        }
        let worker = self.fork(index)?;
        let pid = worker.pid();
        self.workers[index] = worker;
        self.replaced[index] += 1;
        Ok(ServerEvent::Replaced { index, end, pid })
    }

    fn places(&self) -> Vec<WorkerPlace> {
        let places = self
            .workers
            .iter()
            .zip(self.tallies.iter())
            .zip(&self.replaced);
        let place = |((worker, tally), replaced): ((&Child<()>, &Tally), &u64)| WorkerPlace {
            pid: worker.pid(),
            accepted: tally.accepted.load(Relaxed),
            replaced: *replaced,
        };
        places.map(place).collect()
    }

    /// Ends every worker: SIGTERM to all, then SIGKILL to those that still run.
    fn stop_workers(&mut self) {
        for worker in &self.workers {
            // A worker that cannot be signalled has ended, or is killed below.
            let _ = worker.signal(Signal::SIGTERM);
        }
        let deadline = Instant::now() + GRACE;
        for worker in std::mem::take(&mut self.workers) {
            let mut worker = worker.limit(deadline.saturating_duration_since(Instant::now()));
            // A wait that comes to its limit has killed and reaped the worker, as a stopped one.
            let _ = worker.wait();
            self.workers.push(worker);
        }
    }
}

/// The life of worker `index`: it accepts and serves until it is killed, or until all connections
/// that the server was started for are served; its end wakes the parent then.
fn work(
    options: &ServerOptions,
    prepared: &mut Prepared,
    tallies: &[Tally],
    index: usize,
) -> Result<(), BoxError> {
    let ServerOptions {
        protocol,
        site,
        strategy,
        deadline,
        connections,
    } = *options;
    // SIGINT stays blocked: a Ctrl-C reaches the whole group, and the parent ends the workers.
    SigSet::from_iter([Signal::SIGTERM]).thread_unblock()?;
    let mut wait = prepared.waiter(index)?;
    let tally = &tallies[index];
    let acceptor = format!(
        "worker {index} of {} (pid {}), strategy {}",
        site.workers,
        std::process::id(),
        strategy.name
    );
    let mut serve = |connection| {
        let nth = tally.accepted.load(Relaxed);
        let acceptor = format!("{acceptor}, connection {nth} of this worker");
        // Ignore errors of a disconnected client.
        let _ = protocol.serve(TcpStream::from(connection), &acceptor, deadline);
    };
    // This parent never looks whether the workers sleep, so there are no rounds.
    let round = Round::default();
    let mut turn = Turn::new(tally, &round, Metering::Counts, &mut serve);
    turn.note_ready();
    while !has_served_all(tallies, connections) {
        wait.wait(&mut turn)?;
    }
    Ok(())
}
