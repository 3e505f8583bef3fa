//! A listening socket to which more clients connect than its queue holds.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, Result};
use harness::limits::room_for_descriptors;
use observe::netstat;
use observe::sock_diag::ESTABLISHED;
use observe::tcp_info::{self, SYN_SENT};
use prefork::{Accept, Site};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::drain::accept_all;
use super::told::is_queue_told;
use super::{SETTLED, is_shown, is_shown_within};

/// How long a server is waited for that does not tell that it drops: where it is silent so long,
/// the other clients are not waited for.
const SILENCE: Duration = Duration::from_millis(500);

/// What became of the clients of one listening socket.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Queue {
    /// The backlog that was asked for.
    pub(super) asked_backlog: i32,
    /// The backlog in force.
    pub(super) backlog: u32,
    /// Clients that were to connect.
    pub(super) clients: usize,
    /// Clients that had sent their SYN.
    pub(super) sent: usize,
    /// Connections that waited in the end.
    pub(super) waiting: u64,
    /// Whether the kernel tells the lengths of queues, and what it dropped.
    pub(super) is_told: bool,
}

/// Has so many clients connect, one after the other, to a listener with this backlog, and counts
/// those that wait there: by TCP_INFO, and where that does not tell by accepting them in the end.
///
/// # Errors
/// Those of the sockets; no room for so many in the descriptor table.
pub(super) fn fill_queue(asked_backlog: i32, clients: usize) -> Result<Queue> {
    let site = Site {
        backlog: asked_backlog,
        ..Site::loopback(1)
    };
    let listener = site.listener(Accept::NonBlocking)?;
    let is_told = is_queue_told_of(&listener, asked_backlog)?;
    // Where nothing is told, the connections are accepted in the end: both their ends lie here.
    let ends = if is_told { clients } else { 2 * clients };
    room_for_descriptors(ends as u64 + 64)?;
    let patience = if is_told { SETTLED } else { SILENCE };
    let (mut asking, mut sent, mut is_answered) = (Vec::new(), 0, true);
    for _ in 0..clients {
        let before = answers(&listener, &asking, is_told)?;
        let client = ask(&listener)?;
        let state = tcp_info::read(&client)?.state;
        let is_sent = matches!(state, SYN_SENT | ESTABLISHED);
        asking.push(client);
        // A client is ESTABLISHED before its last ACK has reached the queue: wait for the server.
        // Where the server is silent once, what the queue holds in the end decides.
        is_answered = is_answered
            && is_sent
            && is_shown_within(patience, || {
                Ok(answers(&listener, &asking, is_told)? > before)
            })?;
        sent += usize::from(is_sent);
    }
    let (backlog, waiting) = match is_told {
        true => {
            let info = tcp_info::read(&listener)?;
            (info.sacked, info.unacked.into())
        }
        false => accept_in_the_end(&listener, asked_backlog, &asking)?,
    };
    Ok(Queue {
        asked_backlog,
        backlog,
        clients,
        sent,
        waiting,
        is_told,
    })
}

/// Whether TCP_INFO tells the queue of a listener with this backlog: one of 0 looks the same where
/// it does and where not.
fn is_queue_told_of(listener: &TcpListener, asked_backlog: i32) -> Result<bool> {
    match asked_backlog {
        0 => is_queue_told(&Site::loopback(1).listener(Accept::NonBlocking)?),
        _ => is_queue_told(listener),
    }
}

/// How often the server has answered so far: by a connection in the queue, or by a drop that it
/// counted; where neither is told, by a connection that a client sees.
fn answers(listener: &TcpListener, clients: &[Socket], is_told: bool) -> Result<u64> {
    if is_told {
        let waiting = tcp_info::read(listener)?.unacked;
        return Ok(u64::from(waiting) + netstat::listen_overflows()?);
    }
    count_established(clients)
}

fn count_established(clients: &[Socket]) -> Result<u64> {
    let mut count = 0;
    for client in clients {
        count += u64::from(tcp_info::read(client)?.state == ESTABLISHED);
    }
    Ok(count)
}

/// The backlog that was asked for, 0 where the socket does not listen, and how many connections
/// are accepted until none waits: not before those have come that the queue should hold.
fn accept_in_the_end(
    listener: &TcpListener,
    asked_backlog: i32,
    clients: &[Socket],
) -> Result<(u32, u64)> {
    let listens = SockRef::from(listener).is_listener();
    let listens = listens.context("getsockopt SO_ACCEPTCONN")?;
    let due = (u64::from(asked_backlog.unsigned_abs()) + 1).min(clients.len() as u64);
    is_shown(|| Ok(count_established(clients)? >= due))?;
    let mut accepted = Vec::new();
    is_shown(|| {
        accepted.append(&mut accept_all(listener, clients.len())?);
        Ok(accepted.len() as u64 >= due)
    })?;
    let backlog = if listens {
        asked_backlog.unsigned_abs()
    } else {
        0
    };
    Ok((backlog, accepted.len() as u64))
}

/// A client that asks for a connection and does not wait for the answer.
fn ask(listener: &TcpListener) -> Result<Socket> {
    let address = listener.local_addr().context("getsockname")?;
    let kind = Type::STREAM.nonblocking().cloexec();
    let client = Socket::new(Domain::IPV4, kind, Some(Protocol::TCP)).context("socket")?;
    match client.connect(&address.into()) {
        Err(e) if e.raw_os_error() != Some(libc::EINPROGRESS) => Err(e).context("connect"),
        _ => Ok(client),
    }
}
