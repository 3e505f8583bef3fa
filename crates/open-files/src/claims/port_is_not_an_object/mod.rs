//! A port is no kernel object: it is a key under which sockets are found.

mod binds;
mod listed;
mod network;
mod one_connection;
mod one_port;
mod sockets;

use anyhow::{Context, Result};
use claim::Prediction::{AtLeast, Count};
use claim::{
    Act, Arm, Claim, DIFFERENT, Does, InControl, Name, Quantity, Reading, SAME, Surprise, sameness,
};
use serde::{Deserialize, Serialize};

use self::network::Network;
use self::one_connection::{Connection, follow_connection};
use self::sockets::{Evidence, listen_on};

const INODE: Quantity = Name("inode of a connection before accept").predict(Count(0), AtLeast(1.0));
const INODE_AFTER: Quantity = Name("inode of it after accept").predict(AtLeast(1.0), Count(0));
const ACCEPTED: Quantity = Name("cookie after accept, against before").word(SAME, DIFFERENT);
const CLOSED: Quantity = Name("cookie in TIME_WAIT, against before").word(SAME, DIFFERENT);
const LISTENERS: Quantity = Name("sockets that listen on one port").count(4, 1).main();
const PORTS: Quantity = Name("ports of one UDP socket, one after the other").count(3, 1);
const NAMESPACE: Quantity =
    Name("bind of a listener's port in a second namespace").word("ok", "EADDRINUSE");
const HERE: Quantity =
    Name("bind of a listener's port in its own namespace").word("EADDRINUSE", "ok");
const SURVIVOR: Quantity = Name("bind of a port left to a connection, then to nobody")
    .word("EADDRINUSE, then ok", "ok, then ok");

const ENTER: Act = Does("moves into a network namespace of its own")
    .call("unshare", "CLONE_NEWNET")
    .by("host")
    .shown_by(
        "the inode of /proc/self/ns/net, which differs from the one before; where that is no \
         namespace's, a listener of the one before refuses it",
    );
const BIND: Act = Does("binds a socket")
    .call("bind", "sin_port=htons(0)")
    .by("host")
    .times(3)
    .shown_by("getsockname tells a port, and where one was asked for, that one");
const LISTEN: Act = Does("listens")
    .call("listen", "8")
    .by("host")
    .times(4)
    .shown_by("SO_ACCEPTCONN of the socket");
const CONNECT: Act = Does("connects to the listener")
    .call("connect", "sin_port=htons")
    .by("host")
    .times(6)
    .shown_by("getpeername tells the server's address");
const ACCEPT: Act = Does("accepts the connection")
    .call("accept4", "")
    .by("host")
    .times(3)
    .shown_by("getpeername tells the client's address");
const REUSE: Act = Does("asks for SO_REUSEPORT")
    .call("setsockopt", "SO_REUSEPORT, [1]")
    .by("host")
    .times(4)
    .shown_by("SO_REUSEPORT of each socket that listens, by getsockopt")
    .in_control(InControl::Not);
const DISCONNECT: Act = Does("removes the peer of a UDP socket")
    .call("connect", "AF_UNSPEC")
    .by("host")
    .times(3)
    .shown_by("getpeername tells that there is no peer");
const ENTER_SECOND: Act = Does("moves into a network namespace that is not its parent's")
    .call("unshare", "CLONE_NEWNET")
    .by("other host")
    .shown_by(
        "the inode of /proc/self/ns/net, which differs from the parent's; where that is no \
         namespace's, a listener of the parent's refuses it",
    );
const OUTLIVE: Act = Does("binds a port while its connection lives and its listener is closed")
    .in_memory()
    .by("host")
    .shown_by("the states of the port's sockets in sock_diag or /proc/net/tcp, just before")
    .in_control(InControl::Not);

pub(super) const CLAIM: Claim = Claim {
    id: "port-is-not-an-object",
    statement: "A socket is a kernel object and a port is not: a socket keeps its identity through \
                states with and without an inode, many sockets can have one port, one socket \
                several ports in turn, and each network namespace has its own.",
    measures: "In a network namespace of its own: follows one socket's cookie from the accept \
               queue through accept to TIME_WAIT; lets four SO_REUSEPORT sockets listen on one \
               port; gives one UDP socket three ports; binds a listener's port in a second \
               namespace and in its own; closes a listener and binds its port while a connection \
               of it lives, and after.",
    control: "before and after accept change places; another connection's cookie; no \
              SO_REUSEPORT; a UDP socket with a bound port; the namespaces change places; the \
              connection is closed before",
    surprise: Some(Surprise::Small("four sockets listen on one port")),
    notes: &[3],
    example: Some("four_sockets_on_one_port"),
    lesson: Some("strace-port-and-socket"),
    needs: &[
        "CAP_SYS_ADMIN or user namespaces, for a network of one's own",
        "sock_diag, for the cookies",
    ],
    acts: &[
        ENTER,
        BIND,
        LISTEN,
        CONNECT,
        ACCEPT,
        REUSE,
        DISCONNECT,
        ENTER_SECOND,
        OUTLIVE,
    ],
    man: &[
        "ip(7)",
        "tcp(7)",
        "socket(7)",
        "sock_diag(7)",
        "network_namespaces(7)",
    ],
    quantities: &[
        INODE,
        INODE_AFTER,
        ACCEPTED,
        CLOSED,
        LISTENERS,
        PORTS,
        NAMESPACE,
        HERE,
        SURVIVOR,
    ],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let before = Network::of_this_process()?;
    let host = child::fork("host", |parent| {
        // With a context, since a bare error would lose what was asked of the kernel.
        Ok(look_at_sockets(arm, parent, &before).context("its sockets")?)
    })?;
    let seen = host.join()?;
    let [first, second] = &seen.connections;
    let (inode, inode_after, later) = match arm {
        Arm::Experiment => (first.queued.inode, first.accepted.inode, first),
        Arm::Control => (first.accepted.inode, first.queued.inode, second),
    };
    let evidence = &seen.evidence;
    let [elsewhere, here] = seen.namespaces;
    let reading = compare_cookies(Reading::kernel(), first, later);
    Ok(reading
        .act(&ENTER, seen.is_moved)
        .act(&BIND, evidence.bound)
        .act(&LISTEN, evidence.listening)
        .act(&CONNECT, evidence.connected)
        .act(&ACCEPT, evidence.accepted)
        .act(&REUSE, evidence.reused)
        .act(&DISCONNECT, evidence.disconnected)
        .act(&ENTER_SECOND, evidence.elsewhere)
        .act(&OUTLIVE, evidence.outlived)
        .with(&INODE, inode)
        .with(&INODE_AFTER, inode_after)
        .with(&LISTENERS, seen.listeners)
        .with(&PORTS, seen.ports)
        .with(&NAMESPACE, elsewhere)
        .with(&HERE, here)
        .with(&SURVIVOR, seen.survivor)
        .table(first.table()))
}

/// Compares the cookies of `first` in the accept queue and of `later` after it, if there are any.
fn compare_cookies(reading: Reading, first: &Connection, later: &Connection) -> Reading {
    match first.queued.cookie {
        None => reading.leave_out(
            "this kernel has no sock_diag, so that /proc/net/tcp tells what a socket's inode is, \
             and nothing what its cookie is",
            &[ACCEPTED, CLOSED],
            &[],
        ),
        cookie => reading
            .with(&ACCEPTED, sameness(cookie == later.accepted.cookie))
            .with(&CLOSED, sameness(cookie == later.closed.cookie))
            .caveat(
                "a port has no handle, inode or cookie, yet the kernel keeps a hash bucket for \
                 each one in use (struct inet_bind_bucket); that is what a second bind runs into. \
                 In TIME_WAIT a smaller record stands in for the socket and keeps its cookie \
                 (inet_timewait_sock)",
            ),
    }
}

/// What the host saw.
#[derive(Serialize, Deserialize)]
struct Seen {
    /// Whether it has a network of its own.
    is_moved: bool,
    connections: [Connection; 2],
    listeners: usize,
    ports: usize,
    namespaces: [String; 2],
    survivor: String,
    evidence: Evidence,
}

fn look_at_sockets(arm: Arm, host: &child::Parent, before: &Network) -> Result<Seen> {
    host.enter_network()?;
    let mut evidence = Evidence::ALL;
    let listener = listen_on(0, false, &mut evidence)?;
    Ok(Seen {
        is_moved: before.is_left()?,
        connections: [
            follow_connection(&listener, &mut evidence)?,
            follow_connection(&listener, &mut evidence)?,
        ],
        listeners: one_port::count_listeners(arm, &mut evidence)?,
        ports: one_port::count_udp_ports(arm, &mut evidence)?,
        namespaces: binds::bind_in_two_namespaces(arm, &mut evidence)?,
        survivor: binds::rebind_without_listener(arm, &mut evidence)?,
        evidence,
    })
}
