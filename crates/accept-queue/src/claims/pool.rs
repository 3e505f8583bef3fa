//! Workers that wait for connections to one address, bursts of connections to them, and what each
//! worker did in a burst.

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use claim::NotMeasured;
use nix::sys::stat::fstat;
use observe::sock_diag::ESTABLISHED;
use prefork::{Metering, Site, strategies};

use super::told::backlog;
use super::{SETTLED, sleepers};
use crate::client::{Client, wait_for_end_within};
use crate::counts::{Counter, Counts};
use crate::herd::TracepointPermit;
use crate::worker::kernel_counts;
use crate::workers::Workers;

/// The server has closed its end, and the client has not (`include/net/tcp_states.h`).
const CLOSE_WAIT: u8 = 8;

/// How long a connection is waited for between two looks at who could serve it.
const LOOK: Duration = Duration::from_millis(500);

/// What must be said where [`Counter::Worker`] counted.
pub(super) const COUNTED_BY_WORKERS: &str = "this kernel counts no wakeups, so that the workers \
     count their returns to user space, where they are held until all that were woken have \
     returned; what wakes and sleeps again inside the kernel is not seen";

/// Forked workers, the socket at which they wait, and a client.
pub(super) struct Pool {
    pub(super) workers: Workers,
    pub(super) client: Client,
    listener: TcpListener,
}

impl Pool {
    /// Forks so many workers that wait for connections in the way of `strategy`.
    ///
    /// # Errors
    /// Those of the strategy and of fork.
    pub(super) fn start(strategy: &str, workers: usize, metering: Metering) -> Result<Self> {
        let mut prepared = (strategies::by_name(strategy)?.prepare)(&Site::loopback(workers))?;
        let client = Client::new(prepared.address()?);
        let workers = Workers::start(&mut prepared, workers, metering)?;
        // This process keeps its descriptor of the socket, to ask the kernel about it.
        let listener = prepared.listeners.swap_remove(0);
        Ok(Pool {
            workers,
            client,
            listener,
        })
    }

    /// The name of the listening socket in /proc: `socket:[inode]`.
    ///
    /// # Errors
    /// That of fstat(2).
    pub(super) fn socket(&self) -> Result<String> {
        socket_name(&self.listener)
    }

    /// The inode number of the listening socket.
    ///
    /// # Errors
    /// That of fstat(2).
    pub(super) fn inode(&self) -> Result<u64> {
        Ok(fstat(&self.listener)?.st_ino)
    }
}

/// What /proc calls the socket behind `fd`.
///
/// # Errors
/// That of fstat(2).
pub(super) fn socket_name(fd: &impl AsFd) -> Result<String> {
    Ok(format!("socket:[{}]", fstat(fd)?.st_ino))
}

/// Makes sure that the queue of `listener` holds so many connections: beyond that clients wait.
///
/// # Errors
/// Not measured: net.core.somaxconn caps the queue.
pub(super) fn ensure_queue_holds(connections: usize, listener: &TcpListener) -> Result<()> {
    let backlog = backlog(listener, Site::loopback(1).backlog)?;
    if connections as u64 <= backlog + 1 {
        return Ok(());
    }
    NotMeasured::err(
        format!("a queue with backlog {backlog} does not hold {connections} connections"),
        "raise net.core.somaxconn, or run it in a network namespace of its own (unshare -n)",
    )
}

/// What one worker did during one burst.
pub(super) struct WorkerRound {
    pub(super) pid: i32,
    pub(super) counts: Counts,
}

/// What [`measure`] found.
pub(super) struct Bursts {
    /// Who counted the sleeps.
    pub(super) counter: Counter,
    /// Workers that were forked and live, each a child of this process.
    pub(super) forked: usize,
    /// Before the first connection: what `look` saw of the sleeping workers.
    pub(super) asleep: usize,
    /// Whether all of them may run on one CPU only, the same.
    pub(super) on_one_cpu: bool,
    /// Whether no tracer stops them.
    pub(super) untraced: bool,
    /// For each burst what each worker did.
    pub(super) rounds: Vec<Vec<WorkerRound>>,
    /// Most connections that the kernel showed made, and none of them ended, at once.
    pub(super) at_once: u64,
    /// Connections that a worker closed.
    pub(super) closed: usize,
    /// Wakeups over all bursts by the tracepoint, where it counted.
    pub(super) by_tracepoint: Option<u64>,
}

impl Bursts {
    /// The sum of `count` over all workers and bursts.
    pub(super) fn sum(&self, count: impl Fn(&Counts) -> u64) -> u64 {
        let workers = self.rounds.iter().flatten();
        workers.map(|worker| count(&worker.counts)).sum()
    }

    /// Makes sure that all wakeups were seen where so many are predicted: workers that count their
    /// returns see no more than a part of them.
    ///
    /// # Errors
    /// Not measured: fewer were seen.
    pub(super) fn ensure_seen(&self, predicted: usize) -> Result<()> {
        let seen = self.sum(|counts| counts.sleeps);
        if self.counter == Counter::Kernel || seen >= predicted as u64 {
            return Ok(());
        }
        NotMeasured::err(
            format!(
                "{seen} of {predicted} wakeups returned to user space, and this kernel does not \
                 count the others"
            ),
            "use a kernel that counts context switches (/proc/PID/status), as Linux does",
        )
    }

    /// Wakeups over all bursts, by the best evidence.
    pub(super) fn wakeups(&self) -> u64 {
        let by_counters = || self.sum(|counts| counts.sleeps);
        self.by_tracepoint.unwrap_or_else(by_counters)
    }
}

/// Makes so many bursts of so many connections as `plan` says, all workers asleep before and after
/// each.
///
/// # Errors
/// Those of the workers and of `look`; a connection that none of them serves.
pub(super) fn measure(
    strategy: &str,
    workers: usize,
    plan: (usize, usize),
    kernel: Option<TracepointPermit>,
    look: fn(&Pool) -> Result<usize>,
) -> Result<Bursts> {
    ensure_counted()?;
    measure_by(Counter::Kernel, strategy, workers, plan, kernel, look)
}

/// As [`measure`], also on a kernel that counts no sleeps, where the workers count theirs: for a
/// strategy whose workers return to user space before they accept. There they are held until all
/// that a burst wakes have returned, which a worker cannot do that is not woken. What sleeps again
/// inside the kernel is not counted: no more than a lower bound.
///
/// # Errors
/// As [`measure`].
pub(super) fn measure_returns(
    strategy: &str,
    workers: usize,
    plan: (usize, usize),
    kernel: Option<TracepointPermit>,
    look: fn(&Pool) -> Result<usize>,
) -> Result<Bursts> {
    let counter = Counter::of_this_kernel()?;
    measure_by(counter, strategy, workers, plan, kernel, look)
}

fn measure_by(
    counter: Counter,
    strategy: &str,
    workers: usize,
    plan: (usize, usize),
    kernel: Option<TracepointPermit>,
    look: fn(&Pool) -> Result<usize>,
) -> Result<Bursts> {
    let mut pool = Pool::start(strategy, workers, Metering::Counts)?;
    if counter == Counter::Worker {
        pool.workers.count_by_themselves();
    }
    let woken = measure_pool(&mut pool, plan, (counter, kernel), look);
    // Before its error, which may come of nothing else.
    ensure_left_alone(&pool.workers)?;
    woken
}

/// Makes sure that the kernel counts what processes do, before any is started: as it shows it of
/// this one.
///
/// # Errors
/// /proc does not show it.
pub(super) fn ensure_counted() -> Result<()> {
    kernel_counts(std::process::id() as i32)?;
    Ok(())
}

/// Not measured where somebody else has killed, stopped or continued one of the workers: what they
/// did then is not what the kernel has them do.
///
/// # Errors
/// Not measured.
pub(super) fn ensure_left_alone(workers: &Workers) -> Result<()> {
    match workers.interference() {
        None => Ok(()),
        Some(interference) => {
            NotMeasured::err(interference, "run it again, and send its workers no signal")
        }
    }
}

/// Makes `rounds` bursts of `burst` connections to `pool`; fewer where one is not served.
fn measure_pool(
    pool: &mut Pool,
    (rounds, burst): (usize, usize),
    (counter, kernel): (Counter, Option<TracepointPermit>),
    look: fn(&Pool) -> Result<usize>,
) -> Result<Bursts> {
    pool.workers.settle()?;
    let pids = pool.workers.pids();
    let mut woken = Bursts {
        counter,
        forked: sleepers::count_children(&pids, std::process::id())?,
        asleep: look(pool)?,
        on_one_cpu: sleepers::are_on_one_cpu(&pids)?,
        untraced: sleepers::are_untraced(&pids)?,
        rounds: Vec::new(),
        at_once: 0,
        closed: 0,
        by_tracepoint: None,
    };
    // A look may have woken them: where /proc does not tell their calls, ptrace(2) does.
    let mut before = pool.workers.settle()?;
    let tracepoint = kernel
        .map(|kernel| kernel.count_wakeups(&pids))
        .transpose()?;
    for _ in 0..rounds {
        let client = &mut pool.client;
        let open = match counter {
            Counter::Kernel => connect_burst(client, burst)?,
            Counter::Worker => pool.workers.hold_while(|| connect_burst(client, burst))?,
        };
        let (at_once, closed) = wait_for_burst(open, &pids)?;
        woken.at_once = woken.at_once.max(at_once);
        woken.closed += closed;
        let after = pool.workers.settle()?;
        let counts = after.since(&before).each;
        let round = pids.iter().zip(counts);
        let did = round.map(|(&pid, counts)| WorkerRound { pid, counts });
        woken.rounds.push(did.collect());
        before = after;
        if closed < burst {
            break;
        }
    }
    woken.by_tracepoint = tracepoint.map(|tracepoint| tracepoint.read()).transpose()?;
    Ok(woken)
}

/// Waits until one of the processes `pids` has closed `connection`, or long enough to say that none
/// does: longer on a busy machine, but not where all of them sleep, since none of these waits for a
/// processor.
///
/// # Errors
/// Those of the connection.
fn is_served(connection: &TcpStream, pids: &[i32]) -> Result<bool> {
    let start = Instant::now();
    while wait_for_end_within(LOOK, connection)?.is_none() {
        let spent = start.elapsed();
        if spent >= SETTLED && (sleepers::are_asleep(pids) || spent >= child::stretch(SETTLED)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Waits until one of the processes `pids` has closed `connection`.
///
/// # Errors
/// None of them does.
pub(super) fn wait_until_served(connection: &TcpStream, pids: &[i32]) -> Result<()> {
    ensure!(
        is_served(connection, pids)?,
        "no worker serves a connection"
    );
    Ok(())
}

/// Makes `burst` connections and waits until each has been served by one of the processes `pids`,
/// or one long enough to say that nobody serves it: how many were open at once, and how many a
/// worker closed.
///
/// # Errors
/// Those of the connections.
pub(super) fn serve_burst(client: &mut Client, burst: usize, pids: &[i32]) -> Result<(u64, usize)> {
    wait_for_burst(connect_burst(client, burst)?, pids)
}

fn connect_burst(client: &mut Client, burst: usize) -> Result<Vec<TcpStream>> {
    let mut open = Vec::with_capacity(burst);
    for _ in 0..burst {
        open.push(client.connect()?);
    }
    Ok(open)
}

/// The second half of [`serve_burst`]: waits for its end.
fn wait_for_burst(open: Vec<TcpStream>, pids: &[i32]) -> Result<(u64, usize)> {
    let mut at_once = 0;
    for connection in &open {
        let state = observe::tcp_info::read(connection)?.state;
        at_once += u64::from(matches!(state, ESTABLISHED | CLOSE_WAIT));
    }
    let mut closed = 0;
    for connection in open {
        if !is_served(&connection, pids)? {
            break;
        }
        let state = observe::tcp_info::read(&connection)?.state;
        closed += usize::from(state == CLOSE_WAIT);
    }
    Ok((at_once, closed))
}
