//! A listening socket to which more clients connect than its queue holds.

use std::net::TcpListener;

use anyhow::{Context, Result};
use harness::limits::room_for_descriptors;
use observe::netstat;
use observe::sock_diag::ESTABLISHED;
use observe::tcp_info::{self, SYN_SENT};
use prefork::{Accept, Site};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol, Socket, Type};

use super::is_shown;

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
}

/// Has so many clients connect, one after the other, to a listener with this backlog, and counts
/// those that wait there.
///
/// # Errors
/// Those of the sockets; no room for so many in the descriptor table.
pub(super) fn fill_queue(asked_backlog: i32, clients: usize) -> Result<Queue> {
    room_for_descriptors(clients as u64 + 64)?;
    let site = Site {
        backlog: asked_backlog,
        ..Site::loopback(1)
    };
    let listener = site.listener(Accept::NonBlocking)?;
    let (mut asking, mut sent, mut is_answered) = (Vec::new(), 0, true);
    for _ in 0..clients {
        let before = answers(&listener)?;
        let client = ask(&listener)?;
        let state = tcp_info::read(&client)?.state;
        let is_sent = matches!(state, SYN_SENT | ESTABLISHED);
        // A client is ESTABLISHED before its last ACK has reached the queue: wait for the server.
        // Where the server is silent once, what the queue holds in the end decides.
        is_answered = is_answered && is_sent && is_shown(|| Ok(answers(&listener)? > before))?;
        sent += usize::from(is_sent);
        asking.push(client);
    }
    let info = tcp_info::read(&listener)?;
    Ok(Queue {
        asked_backlog,
        backlog: info.sacked,
        clients,
        sent,
        waiting: info.unacked.into(),
    })
}

/// How often the server has answered so far: by a connection in the queue, or by a drop that it
/// counted.
fn answers(listener: &TcpListener) -> Result<u64> {
    let waiting = tcp_info::read(listener)?.unacked;
    Ok(u64::from(waiting) + netstat::listen_overflows()?)
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
