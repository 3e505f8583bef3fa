//! Connections are made by the kernel and wait at the socket, before and whether or not a process
//! accepts; any process that calls accept takes the next one.

use std::net::TcpStream;

use anyhow::{Context, Result};
use claim::{Arm, Claim, Name, Quantity, Reading};
use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use observe::sock_diag::{ESTABLISHED, LISTEN, tcp_on};
use prefork::{Accept, Site};

use super::wait_for;
use crate::client::Client;

/// Connections that are made.
const CONNECTIONS: u64 = 3;

const UNACCEPTED: Quantity = all_or_none("ESTABLISHED at the server, held by no process (inode 0)");
const BY_TCP_INFO: Quantity = all_or_none("length of the queue by TCP_INFO");
const BY_SOCK_DIAG: Quantity = all_or_none("length of the queue by sock_diag");
const ACCEPTOR: Quantity = Name("the accepting process, once the connections were queued")
    .word(NOT_FORKED_YET, ALREADY_RUNNING);
const NOT_FORKED_YET: &str = "not forked yet";
const ALREADY_RUNNING: &str = "there already";
const LATECOMER: Quantity = all_or_none("accepted by a process forked after they were made");

const fn all_or_none(name: &'static str) -> Quantity {
    Name(name).count(CONNECTIONS, 0)
}

pub(super) const CLAIM: Claim = Claim {
    id: "queue-belongs-to-the-socket",
    statement: "The kernel completes connections and queues them at the listening socket; a \
                process that did not exist when they were made can accept them.",
    measures: "Three clients connect while nobody accepts. TCP_INFO and sock_diag are asked for \
               the queue; this process has no child (waitid), then forks one that accepts until \
               the queue is empty.",
    control: "the child is forked before, and the parent accepts the three before it asks",
    notes: &[9],
    syscalls: &[
        "connect",
        "getsockopt TCP_INFO",
        "sendto AF_NETLINK",
        "waitid",
        "fork",
        "accept4",
    ],
    man: &["listen(2)", "tcp(7)", "sock_diag(7)"],
    quantities: &[ACCEPTOR, UNACCEPTED, BY_TCP_INFO, BY_SOCK_DIAG, LATECOMER],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let listener = Site::loopback(1).listener(Accept::NonBlocking)?;
    let address = listener.local_addr().context("getsockname")?;
    let fork = || {
        child::fork("latecomer", |parent| {
            parent.checkpoint()?;
            let mut accepted = 0u64;
            while listener.accept().is_ok() {
                accepted += 1;
            }
            Ok(accepted)
        })
    };
    let early = (arm == Arm::Control).then(fork).transpose()?;
    let mut client = Client::new(address);
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(client.connect()?);
    }
    wait_for("the connections in the queue", || {
        Ok(u64::from(observe::tcp_info::read(&listener)?.unacked) == CONNECTIONS)
    })?;
    let acceptor = if has_children()? {
        ALREADY_RUNNING
    } else {
        NOT_FORKED_YET
    };
    let mut taken: Vec<TcpStream> = Vec::new();
    if arm == Arm::Control {
        for _ in 0..CONNECTIONS {
            taken.push(listener.accept().context("accept")?.0);
        }
    }
    let by_tcp_info = observe::tcp_info::read(&listener)?.unacked;
    let sockets = tcp_on(address.port())?;
    let of_state = |state| sockets.iter().filter(move |socket| socket.state == state);
    let by_sock_diag: u32 = of_state(LISTEN).map(|socket| socket.receive_queue).sum();
    let unaccepted = of_state(ESTABLISHED)
        .filter(|socket| socket.inode == 0)
        .count();
    let mut latecomer = early.map_or_else(fork, Ok)?;
    latecomer.at_checkpoint()?;
    latecomer.release()?;
    Ok(Reading::kernel()
        .with(&UNACCEPTED, unaccepted)
        .with(&BY_TCP_INFO, by_tcp_info)
        .with(&BY_SOCK_DIAG, by_sock_diag)
        .with(&ACCEPTOR, acceptor)
        .with(&LATECOMER, latecomer.join()?))
}

/// Whether this process has a child, alive or dead: waitid(2) fails with ECHILD where it has none.
fn has_children() -> Result<bool> {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    match waitid(Id::All, look) {
        Err(Errno::ECHILD) => Ok(false),
        looked => looked.map(|_| true).context("waitid"),
    }
}
