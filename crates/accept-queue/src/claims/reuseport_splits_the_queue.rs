//! SO_REUSEPORT: as many queues as sockets, and a dead worker takes its own queue with it.

use std::collections::HashSet;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use child::Child;
use claim::Prediction::{AtLeast, AtMost, Count};
use claim::{
    Act, Arm, Claim, Does, InControl, Name, NotMeasured, Quantity, Reading, Surprise, Table,
};
use harness::limits::room_for_descriptors;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use observe::sock_diag::{CLOSE, ESTABLISHED};
use observe::{process, sysctl, tcp_info};
use prefork::{Accept, Site};
use socket2::SockRef;

use super::acts::{self, WORKER};
use super::arrivals::Arrivals;
use super::drain::{accept_all, count_sockets};
use super::is_shown;
use super::pool::{ensure_queue_holds, socket_name};
use super::sleepers::count_children;
use super::told::is_queue_told;
use crate::client::Client;

const WORKERS: usize = 4;
const CONNECTIONS: usize = 64;
/// How long a worker may take to end, or to accept what waits.
const LIMIT: Duration = Duration::from_secs(5);
/// The longest of four queues holds a quarter at least.
const LONGEST: usize = CONNECTIONS / WORKERS;

const QUEUES: Quantity =
    Name("queues that 64 connections to one port wait in").predict(AtLeast(2.0), Count(1));
const RESET: Quantity = Name("share of the dead worker's queue that is reset").count(1, 0);
const LEFT: Quantity = Name("connections that the three other workers accept").predict(
    AtMost((CONNECTIONS - LONGEST) as f64),
    Count(CONNECTIONS as u64),
);

const REUSEPORT: Act = Does("gives each of four sockets of one port SO_REUSEPORT")
    .call("setsockopt", "SO_REUSEPORT, [1]")
    .times(WORKERS)
    .shown_by(
        "four inodes; for each socket getsockopt tells SO_REUSEPORT 1, and getsockname the same \
         port",
    )
    .in_control(InControl::Not);
const FORK: Act = acts::fork("forks four workers", WORKERS);
const KEEP_ONE: Act = Does("keeps one listening socket and closes what else it inherits")
    .call("close", "")
    .by(WORKER)
    .times(WORKERS)
    .shown_by("/proc/PID/fd of each worker: exactly one of these sockets");
const CONNECT: Act = Does("connects 64 times to the port")
    .call("connect", "AF_INET")
    .times(CONNECTIONS)
    .shown_by("TCP_INFO of each client: ESTABLISHED");
const KILL: Act = Does("kills the worker with the longest queue")
    .call("pidfd_send_signal", "SIGKILL")
    .shown_by("its wait status: ended by SIGKILL");

/// Without it a small number of accepted connections would prove nothing.
const ACCEPT: Act = Does("accepts until its queue is empty, where it was not killed")
    .call("accept4", "SOCK_CLOEXEC")
    .by(WORKER)
    .times(WORKERS - 1)
    .shown_by("/proc/PID/fd of these workers: as many sockets more as waited in their queues");

pub(super) const CLAIM: Claim = Claim {
    id: "reuseport-splits-the-queue",
    statement: "With SO_REUSEPORT each worker's socket has a queue of its own; what waits in it \
                when its worker dies is reset, unless net.ipv4.tcp_migrate_req is set.",
    measures: "Four workers each hold one listening socket of one port and accept nothing; 64 \
               clients connect; TCP_INFO (or edge-triggered epoll) tells each queue. The worker \
               with the longest queue is killed, the connections that are closed then are counted \
               (TCP_INFO), and the others accept what they have.",
    control: "the four hold one socket: one queue, and the others accept all of it",
    surprise: Some(Surprise::Small("a worker that dies takes its queue along")),
    notes: &[9],
    acts: &[REUSEPORT, FORK, KEEP_ONE, CONNECT, KILL, ACCEPT],
    man: &["socket(7)", "tcp(7)"],
    quantities: &[QUEUES, RESET, LEFT],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    if sysctl::read(sysctl::TCP_MIGRATE_REQ).is_ok_and(|migrates| migrates == 1) {
        return NotMeasured::err(
            "net.ipv4.tcp_migrate_req is 1: the kernel moves a dead socket's queue to another",
            "run it in a network namespace of its own (unshare -n)",
        );
    }
    // Both ends of each connection, and the workers.
    room_for_descriptors(2 * CONNECTIONS as u64 + 64)?;
    let site = Site::loopback(WORKERS);
    let mut listeners = match arm {
        Arm::Experiment => site.reuseport_group()?,
        Arm::Control => vec![site.listener(Accept::Blocking)?],
    };
    ensure_queue_holds(CONNECTIONS, &listeners[0])?;
    let address = listeners[0].local_addr().context("getsockname")?;
    let shares_a_port = is_group(&listeners)?;
    let sockets: Vec<String> = listeners.iter().map(socket_name).collect::<Result<_>>()?;
    let mut workers = fork_workers(&mut listeners)?;
    let pids: Vec<i32> = workers.iter().map(Child::pid).collect();
    let forked = count_children(&pids, std::process::id())?;
    let keep_one = each_holds_one(&pids, &sockets)?;
    let mut arrivals = watch_untold(&listeners)?;
    let connections = connect(Client::new(address), arrivals.as_mut())?;
    let made = count_in_state(&connections, ESTABLISHED)?;
    let lengths = || lengths(&listeners, arrivals.as_ref());
    is_shown(|| Ok(lengths()?.iter().sum::<usize>() == CONNECTIONS))?;
    let lengths = lengths()?;
    let (longest, &length) = lengths
        .iter()
        .enumerate()
        .max_by_key(|(_, length)| **length)
        .context("no queue")?;
    // The workers' sockets are theirs alone from here on.
    drop(listeners);
    let killed = kill(workers.remove(longest))?;
    // The other workers still hold their sockets: a reset now comes from the victim's end.
    if arm == Arm::Experiment {
        // A kernel that resets none is to be refuted, and is no broken set-up.
        is_shown(|| Ok(count_in_state(&connections, CLOSE)? == length))?;
    }
    let reset = count_in_state(&connections, CLOSE)?;
    let accepted = let_accept(workers)?;
    // In the control it is their queue, too, that the killed worker has left.
    let waited = CONNECTIONS - arm.choose(length, 0);
    let mut table = Table::new("length of each queue", &["socket", "connections"]);
    for (index, length) in lengths.iter().enumerate() {
        table.row([index.to_string(), length.to_string()]);
    }
    let queues = lengths.iter().filter(|&&length| length > 0);
    Ok(Reading::kernel()
        .act(&REUSEPORT, shares_a_port)
        .act(&FORK, forked == WORKERS)
        .act(&KEEP_ONE, keep_one)
        .act(&CONNECT, made == CONNECTIONS)
        .act(&KILL, killed)
        .with(&QUEUES, queues.count())
        .with(&RESET, reset as f64 / length as f64)
        .act(&ACCEPT, accepted.sockets >= waited)
        .with(&LEFT, accepted.told)
        .note(format!(
            "the killed worker's queue held {length}, of which {reset} were reset"
        ))
        .table(table))
}

/// Forks the workers, each of which holds one of `listeners`, and waits until they do.
fn fork_workers(listeners: &mut Vec<TcpListener>) -> Result<Vec<Child<u64>>> {
    let mut workers = Vec::new();
    for index in 0..WORKERS {
        workers.push(child::fork(WORKER, |parent| {
            // Each closes its siblings' sockets: only then does its own die with it.
            let own = listeners.swap_remove(index.min(listeners.len() - 1));
            listeners.clear();
            parent.checkpoint()?;
            own.set_nonblocking(true)?;
            let accepted = accept_all(&own, CONNECTIONS + 1)?;
            parent.checkpoint()?;
            Ok(accepted.len() as u64)
        })?);
    }
    for worker in &mut workers {
        worker.at_checkpoint()?;
    }
    Ok(workers)
}

/// Watches for arrivals where TCP_INFO does not tell the lengths of queues.
fn watch_untold(listeners: &[TcpListener]) -> Result<Option<Arrivals>> {
    let is_told = is_queue_told(&listeners[0])?;
    (!is_told).then(|| Arrivals::watch(listeners)).transpose()
}

/// Makes the connections, each of which is waited for where its arrival is counted.
fn connect(mut client: Client, mut arrivals: Option<&mut Arrivals>) -> Result<Vec<TcpStream>> {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(client.connect()?);
        if let Some(arrivals) = &mut arrivals {
            arrivals.count_next()?;
        }
    }
    Ok(connections)
}

/// The length of each queue: by TCP_INFO, and where that does not tell by what has arrived.
fn lengths(listeners: &[TcpListener], arrivals: Option<&Arrivals>) -> Result<Vec<usize>> {
    if let Some(arrivals) = arrivals {
        return Ok(arrivals.counts().to_vec());
    }
    let length = |listener| Ok(tcp_info::read(listener)?.unacked as usize);
    listeners.iter().map(length).collect()
}

/// Kills a worker; whether it has ended by that.
fn kill(worker: Child<u64>) -> Result<bool> {
    let mut worker = worker.limit(LIMIT);
    worker.signal(Signal::SIGKILL)?;
    let status = worker.wait()?;
    Ok(matches!(
        status,
        WaitStatus::Signaled(_, Signal::SIGKILL, _)
    ))
}

/// How many connections workers have accepted.
#[derive(Default)]
struct Accepted {
    /// As they told.
    told: u64,
    /// As /proc shows: sockets that they had more afterwards.
    sockets: usize,
}

/// Lets the workers accept what waits in their queues.
fn let_accept(workers: Vec<Child<u64>>) -> Result<Accepted> {
    let mut accepted = Accepted::default();
    for worker in workers {
        let mut worker = worker.limit(LIMIT);
        let before = count_sockets(worker.pid())?;
        worker.release()?;
        worker.at_checkpoint()?;
        accepted.sockets += count_sockets(worker.pid())?.saturating_sub(before);
        worker.release()?;
        accepted.told += worker.join()?;
    }
    Ok(accepted)
}

/// Whether these are four sockets of one port, each with SO_REUSEPORT.
fn is_group(listeners: &[TcpListener]) -> Result<bool> {
    let (mut sockets, mut addresses) = (HashSet::new(), HashSet::new());
    let mut share = true;
    for listener in listeners {
        let shares = SockRef::from(listener).reuse_port();
        share &= shares.context("getsockopt SO_REUSEPORT")?;
        sockets.insert(socket_name(listener)?);
        addresses.insert(listener.local_addr().context("getsockname")?);
    }
    Ok(share && sockets.len() == WORKERS && addresses.len() == 1)
}

/// Whether each of the processes `pids` has exactly one of these sockets open, and all together
/// have all of them.
fn each_holds_one(pids: &[i32], sockets: &[String]) -> Result<bool> {
    let mut held = Vec::new();
    for &pid in pids {
        let links = process::descriptors(pid)?.into_iter();
        let links = links.filter_map(|fd| process::link(pid, fd).ok()?.into_string().ok());
        held.push(
            links
                .filter(|link| sockets.contains(link))
                .collect::<Vec<_>>(),
        );
    }
    let all: HashSet<&String> = held.iter().flatten().collect();
    Ok(held.iter().all(|sockets| sockets.len() == 1) && all.len() == sockets.len())
}

/// How many of these clients are in `state`.
fn count_in_state(clients: &[TcpStream], state: u8) -> Result<usize> {
    let mut count = 0;
    for client in clients {
        count += usize::from(tcp_info::read(client)?.state == state);
    }
    Ok(count)
}
