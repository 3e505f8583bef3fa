//! A port is no kernel object: it is a key under which sockets are found.

mod binds;
mod one_connection;
mod one_port;
mod sockets;

use anyhow::Result;
use claim::Prediction::{AtLeast, Count};
use claim::{Arm, Claim, DIFFERENT, Name, Quantity, Reading, SAME, sameness};

use self::one_connection::follow_connection;
use self::sockets::listen_on;

const INODE: Quantity = Name("inode of a connection before accept").predict(Count(0), AtLeast(1.0));
const INODE_AFTER: Quantity = Name("inode of it after accept").predict(AtLeast(1.0), Count(0));
const ACCEPTED: Quantity = Name("cookie after accept, against before").word(SAME, DIFFERENT);
const CLOSED: Quantity = Name("cookie in TIME_WAIT, against before").word(SAME, DIFFERENT);
const LISTENERS: Quantity = Name("sockets that listen on one port").count(4, 1);
const PORTS: Quantity = Name("ports of one UDP socket, one after the other").count(3, 1);
const NAMESPACE: Quantity =
    Name("bind of a listener's port in a second namespace").word("ok", "EADDRINUSE");
const HERE: Quantity =
    Name("bind of a listener's port in its own namespace").word("EADDRINUSE", "ok");
const SURVIVOR: Quantity = Name("bind of a port left to a connection, then to nobody")
    .word("EADDRINUSE, then ok", "ok, then ok");

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
    notes: &[3],
    needs: &[
        "CAP_SYS_ADMIN or user namespaces, for a network of one's own",
        "sock_diag",
    ],
    syscalls: &[
        "socket",
        "bind",
        "listen",
        "connect",
        "accept4",
        "getsockopt",
        "unshare",
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
    let host = child::fork("host", |parent| {
        parent.enter_network()?;
        let listener = listen_on(0, false)?;
        let connections = [follow_connection(&listener)?, follow_connection(&listener)?];
        let listeners = one_port::count_listeners(arm)?;
        let ports = one_port::count_udp_ports(arm)?;
        let namespaces = binds::bind_in_two_namespaces(arm)?;
        let survivor = binds::rebind_without_listener(arm)?;
        Ok((connections, listeners, ports, namespaces, survivor))
    })?;
    let ([first, second], listeners, ports, [elsewhere, here], survivor) = host.join()?;
    let (inode, inode_after, later) = match arm {
        Arm::Experiment => (first.queued.inode, first.accepted.inode, &first),
        Arm::Control => (first.accepted.inode, first.queued.inode, &second),
    };
    let cookie = first.queued.cookie;
    Ok(Reading::kernel()
        .with(&INODE, inode)
        .with(&INODE_AFTER, inode_after)
        .with(&ACCEPTED, sameness(cookie == later.accepted.cookie))
        .with(&CLOSED, sameness(cookie == later.closed.cookie))
        .with(&LISTENERS, listeners)
        .with(&PORTS, ports)
        .with(&NAMESPACE, elsewhere)
        .with(&HERE, here)
        .with(&SURVIVOR, survivor)
        .table(first.table())
        .caveat(
            "a port has no handle, inode or cookie, yet the kernel keeps a hash bucket for each \
             one in use (struct inet_bind_bucket); that is what a second bind runs into. In \
             TIME_WAIT a smaller record stands in for the socket and keeps its cookie \
             (inet_timewait_sock)",
        ))
}
