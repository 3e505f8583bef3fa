//! Connections are made by the kernel and wait at the socket, before and whether or not a process
//! accepts; any process that calls accept takes the next one.

use std::net::{TcpListener, TcpStream};

use anyhow::{Context, Result};
use child::Child;
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading, Surprise};
use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use observe::net_tcp;
use observe::sock_diag::{ESTABLISHED, LISTEN, tcp_on};
use observe::tcp_info;
use prefork::{Accept, Site};

use super::acts;
use super::drain::{accept_all, count_sockets};
use super::pool::ensure_queue_holds;
use super::sleepers::count_children;
use super::told::{count_open, is_queue_told};
use super::{SETTLED, is_shown};
use crate::client::Client;

/// Connections that are made.
const CONNECTIONS: usize = 3;

/// Connections after which an acceptor stops, though its call should go on to answer that there is
/// another.
const MOST: usize = CONNECTIONS + 1;

const UNACCEPTED: Quantity = all_or_none("ESTABLISHED at the server, held by no process (inode 0)");
const BY_TCP_INFO: Quantity = all_or_none("length of the queue by TCP_INFO");
const BY_LIST: Quantity = all_or_none("length of the queue in the kernel's list of sockets");
const LATECOMER: Quantity = all_or_none("accepted by a process forked after they were made").main();

const CONNECT: Act = Does("connects three times while nobody accepts")
    .call("connect", "AF_INET")
    .times(CONNECTIONS)
    .shown_by("getpeername of each client: the address of the listening socket");
const ALONE: Act = Does("has no child while the connections wait")
    .call("waitid", "P_ALL … ECHILD")
    .shown_by("waitid(2): ECHILD")
    .in_control(InControl::Not);
const FORK: Act = acts::fork("forks the process that accepts", 1);
const ACCEPT: Act = Does("accepts until the queue is empty")
    .call("accept4", "SOCK_CLOEXEC")
    .by("latecomer")
    .times(CONNECTIONS)
    .shown_by("/proc/PID/fd: three sockets more than before it accepted")
    .in_control(InControl::Not);

const fn all_or_none(name: &'static str) -> Quantity {
    Name(name).count(CONNECTIONS as u64, 0)
}

pub(super) const CLAIM: Claim = Claim {
    id: "queue-belongs-to-the-socket",
    statement: "The kernel completes connections and queues them at the listening socket; a \
                process that did not exist when they were made can accept them.",
    measures: "Three clients connect while nobody accepts. TCP_INFO and sock_diag (or, where that \
               is not to be had, /proc/net/tcp) are asked for the queue; this process has no \
               child, then forks one that accepts until the queue is empty.",
    control: "the child is forked before, and the parent accepts the three before it asks",
    surprise: Some(Surprise::Small(
        "connections are older than who accepts them",
    )),
    notes: &[9],
    example: Some("backlog_plus_one"),
    acts: &[CONNECT, ALONE, FORK, ACCEPT],
    man: &["listen(2)", "tcp(7)", "sock_diag(7)"],
    quantities: &[UNACCEPTED, BY_TCP_INFO, BY_LIST, LATECOMER],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let listener = Site::loopback(1).listener(Accept::NonBlocking)?;
    let address = listener.local_addr().context("getsockname")?;
    ensure_queue_holds(CONNECTIONS, &listener)?;
    let fork = || -> Result<Child<usize>> {
        let latecomer = child::fork("latecomer", |parent| {
            parent.checkpoint()?;
            let accepted = accept_all(&listener, MOST)?;
            parent.checkpoint()?;
            Ok(accepted.len())
        })?;
        Ok(latecomer.limit(SETTLED))
    };
    let early = (arm == Arm::Control).then(fork).transpose()?;
    let mut client = Client::new(address);
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(client.connect()?);
    }
    let is_made = |client: &&TcpStream| client.peer_addr().is_ok_and(|peer| peer == address);
    let made = connections.iter().filter(is_made).count();
    let held = match is_queue_told(&listener)? {
        true => None,
        false => Some(count_sockets(std::process::id() as i32)?),
    };
    // A kernel that does not queue them is to be refuted, and is no broken set-up.
    is_shown(|| Ok(count_waiting(&listener, &connections, held)? == CONNECTIONS))?;
    let alone = !has_children()?;
    let mut taken: Vec<TcpStream> = Vec::new();
    if arm == Arm::Control {
        is_shown(|| {
            taken.append(&mut accept_all(&listener, MOST - taken.len())?);
            Ok(taken.len() >= CONNECTIONS)
        })?;
    }
    let reading = read_queue(Reading::kernel(), &listener, &connections, held)?;
    let mut latecomer = early.map_or_else(fork, Ok)?;
    latecomer.at_checkpoint()?;
    let forked = count_children(&[latecomer.pid()], std::process::id())?;
    let sockets = count_sockets(latecomer.pid())?;
    latecomer.release()?;
    latecomer.at_checkpoint()?;
    let taken_late = count_sockets(latecomer.pid())? == sockets + CONNECTIONS;
    latecomer.release()?;
    let accepted = latecomer.join()?;
    Ok(reading
        .act(&CONNECT, made == CONNECTIONS)
        .act(&ALONE, alone)
        .act(&FORK, forked == 1)
        .act(&ACCEPT, taken_late)
        .with(&LATECOMER, accepted))
}

/// How many connections wait at `listener`: by TCP_INFO, and where that does not tell, those of
/// `clients` that are ESTABLISHED and whose other end this process has not accepted. There it had
/// `held` sockets before it accepted any.
fn count_waiting(
    listener: &TcpListener,
    clients: &[TcpStream],
    held: Option<usize>,
) -> Result<usize> {
    let Some(held) = held else {
        return Ok(tcp_info::read(listener)?.unacked as usize);
    };
    let accepted = count_sockets(std::process::id() as i32)?.saturating_sub(held);
    Ok((count_open(clients)? as usize).saturating_sub(accepted))
}

/// What the kernel tells of the queue of `listener`; see [`count_waiting`].
fn read_queue(
    reading: Reading,
    listener: &TcpListener,
    clients: &[TcpStream],
    held: Option<usize>,
) -> Result<Reading> {
    let waiting = count_waiting(listener, clients, held)?;
    if held.is_some() {
        return Ok(reading.with(&UNACCEPTED, waiting).leave_out(
            "this kernel tells of no queue how long it is, so that connections wait is seen at \
             the clients, which are ESTABLISHED, and at this process, which has not their other \
             ends",
            &[BY_TCP_INFO, BY_LIST],
            &[],
        ));
    }
    let port = listener.local_addr().context("getsockname")?.port();
    let (by_list, unaccepted) = look_up(port)?;
    Ok(reading
        .with(&UNACCEPTED, unaccepted)
        .with(&BY_TCP_INFO, waiting)
        .with(&BY_LIST, by_list))
}

/// Of the sockets with local port `port`: the length of the listener's queue, and how many are
/// ESTABLISHED and held by no process. By sock_diag(7); by proc_net(5) where that is refused.
fn look_up(port: u16) -> Result<(u32, usize)> {
    let sockets: Vec<(u8, u32, u64)> = match tcp_on(port) {
        Ok(sockets) => {
            let facts = sockets.iter();
            let facts = facts.map(|it| (it.state, it.receive_queue, u64::from(it.inode)));
            facts.collect()
        }
        Err(_) => {
            let rows = net_tcp::rows("tcp")?;
            let rows = rows.iter().filter(|row| row.local.port() == port);
            rows.map(|it| (it.state, it.rx_queue, it.inode)).collect()
        }
    };
    let of_state = |wanted| sockets.iter().filter(move |(state, ..)| *state == wanted);
    let queue = of_state(LISTEN).map(|(_, queue, _)| queue).sum();
    let unaccepted = of_state(ESTABLISHED).filter(|(.., inode)| *inode == 0);
    Ok((queue, unaccepted.count()))
}

/// Whether this process has a child, alive or dead: waitid(2) fails with ECHILD where it has none.
fn has_children() -> Result<bool> {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    match waitid(Id::All, look) {
        Err(Errno::ECHILD) => Ok(false),
        looked => looked.map(|_| true).context("waitid"),
    }
}
