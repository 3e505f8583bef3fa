//! A port is no kernel object: it is a key under which sockets are found.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use claim::Prediction::{AtLeast, Count};
use claim::{Arm, Claim, DIFFERENT, Name, Quantity, Reading, SAME, Table, sameness};
use nix::errno::Errno;
use observe::sock_diag::{self, ESTABLISHED, TIME_WAIT};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

use super::{before_and_after_text, observe_before_and_after, outcome};
use crate::network;

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
                states with and without an inode, many sockets can have one port, one socket several \
                ports in turn, and each network namespace has its own.",
    measures: "In a network namespace of its own: follows one socket's cookie from the accept queue \
               through accept to TIME_WAIT; lets four SO_REUSEPORT sockets listen on one port; gives \
               one UDP socket three ports; binds a listener's port in a second namespace and in its \
               own; closes a listener and binds its port while a connection of it lives, and after.",
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

/// How long a state of the loopback network may take to settle.
const SETTLE: Duration = Duration::from_secs(2);

fn measure(arm: Arm) -> Result<Reading> {
    let host = child::fork("host", |parent| {
        parent.enter_network()?;
        let listener = listening(0, false)?;
        let (life, other) = (lived(&listener)?, lived(&listener)?);
        Ok((
            life,
            other,
            listeners(arm)?,
            ports(arm)?,
            namespaces(arm)?,
            survivor(arm)?,
        ))
    })?;
    let (life, other, listeners, ports, [elsewhere, here], survivor) = host.join()?;
    let (inode, after, later) = match arm {
        Arm::Experiment => (life.queued.inode, life.accepted.inode, &life),
        Arm::Control => (life.accepted.inode, life.queued.inode, &other),
    };
    Ok(Reading::kernel()
        .with(&INODE, inode)
        .with(&INODE_AFTER, after)
        .with(&ACCEPTED, sameness(life.queued.cookie == later.accepted.cookie))
        .with(&CLOSED, sameness(life.queued.cookie == later.closed.cookie))
        .with(&LISTENERS, listeners)
        .with(&PORTS, ports)
        .with(&NAMESPACE, elsewhere)
        .with(&HERE, here)
        .with(&SURVIVOR, survivor)
        .table(life.table())
        .caveat(
            "a port has no handle, inode or cookie, yet the kernel keeps a hash bucket for each one \
             in use (struct inet_bind_bucket); that is what a second bind runs into. In TIME_WAIT a \
             smaller record stands in for the socket and keeps its cookie (inet_timewait_sock)",
        ))
}

/// What sock_diag tells of a connection's socket.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Seen {
    cookie: u64,
    inode: u32,
}

/// One connection's socket on the server's side, in its three states.
#[derive(Serialize, Deserialize)]
struct Life {
    queued: Seen,
    accepted: Seen,
    closed: Seen,
}

impl Life {
    fn table(&self) -> Table {
        let mut table = Table::new("one socket's life", &["state", "cookie", "inode"]);
        for (state, seen) in [
            ("ESTABLISHED, in the accept queue", self.queued),
            ("ESTABLISHED, accepted", self.accepted),
            ("TIME_WAIT", self.closed),
        ] {
            table.row([
                state.to_owned(),
                seen.cookie.to_string(),
                seen.inode.to_string(),
            ]);
        }
        table
    }
}

/// Makes a connection, looks at it in each state, and ends it; the server closes first.
fn lived(listener: &Socket) -> Result<Life> {
    let server = address(listener)?;
    let mut client = TcpStream::connect(server).context("connect")?;
    let peer = client.local_addr()?;
    let queued = seen(server, peer, ESTABLISHED)?;
    let (connection, _) = listener.accept().context("accept")?;
    let accepted = seen(server, peer, ESTABLISHED)?;
    let cookie = observe::socket::identity(&connection)?.cookie;
    if cookie != accepted.cookie {
        bail!(
            "sock_diag tells cookie {}, getsockopt {cookie}",
            accepted.cookie
        );
    }
    drop(connection);
    client
        .read_to_end(&mut Vec::new())
        .context("read to the server's close")?;
    drop(client);
    Ok(Life {
        queued,
        accepted,
        closed: seen(server, peer, TIME_WAIT)?,
    })
}

/// The socket of the connection from `remote` to `local`, once it is in `state`.
fn seen(local: SocketAddr, remote: SocketAddr, state: u8) -> Result<Seen> {
    settled(
        &format!("connection {remote} to {local} in state {state}"),
        || {
            let sockets = sock_diag::tcp_on(local.port())?;
            let found = sockets
                .iter()
                .find(|s| s.remote == remote && s.state == state);
            found.map_or(Ok(()), told_alike)?;
            Ok(found.map(|socket| Seen {
                cookie: socket.cookie,
                inode: socket.inode,
            }))
        },
    )
}

/// Looks for a socket in /proc/net/tcp, where its inode must be the one that sock_diag tells.
fn told_alike(socket: &sock_diag::Socket) -> Result<()> {
    let ends = (socket.local, socket.remote);
    let rows = observe::net_tcp::rows("tcp")?;
    let row = rows.iter().find(|row| (row.local, row.remote) == ends);
    match row {
        Some(row) if row.inode != u64::from(socket.inode) => {
            bail!(
                "sock_diag tells inode {}, /proc/net/tcp {}",
                socket.inode,
                row.inode
            )
        }
        _ => Ok(()),
    }
}

/// Looks until there is something to see.
fn settled<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    while start.elapsed() < SETTLE {
        if let Some(found) = look()? {
            return Ok(found);
        }
        std::thread::yield_now();
    }
    bail!("{what}: not seen within {} s", SETTLE.as_secs())
}

/// How many of four sockets can listen on one port, counted by cookie.
fn listeners(arm: Arm) -> Result<usize> {
    let reuse = arm == Arm::Experiment;
    let first = listening(0, reuse)?;
    let port = address(&first)?.port();
    let mut all = vec![first];
    for _ in 1..4 {
        match listening(port, reuse) {
            Ok(another) => all.push(another),
            Err(error) if errno(&error) == Some(Errno::EADDRINUSE) => {}
            Err(error) => return Err(error),
        }
    }
    let mut cookies: Vec<u64> = sock_diag::tcp_on(port)?.iter().map(|s| s.cookie).collect();
    cookies.sort_unstable();
    cookies.dedup();
    Ok(cookies.len())
}

/// Distinct ports of one UDP socket over three connects. Where the kernel chose the port, connecting
/// to AF_UNSPEC gives it back; a place holder keeps the next choice from being the same.
fn ports(arm: Arm) -> Result<usize> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).context("socket")?;
    if arm == Arm::Control {
        // Only a port that was asked for by number is kept.
        let free = UdpSocket::bind(loopback(0)).context("bind")?.local_addr()?;
        socket.bind(&free.into()).context("bind")?;
    }
    let before = observe::socket::identity(&socket)?;
    let mut ports = Vec::new();
    let mut held = Vec::new();
    for _ in 0..3 {
        socket.connect(&loopback(9).into()).context("connect")?;
        let port = address(&socket)?.port();
        if !ports.contains(&port) {
            ports.push(port);
        }
        network::disconnect(&socket)?;
        held.extend(UdpSocket::bind(loopback(port)).ok());
    }
    if observe::socket::identity(&socket)? != before {
        bail!("a UDP socket changed its identity");
    }
    Ok(ports.len())
}

/// Binds a port that is taken here, from a child in another network namespace and from one in this.
fn namespaces(arm: Arm) -> Result<[String; 2]> {
    let listener = listening(0, false)?;
    let port = address(&listener)?.port();
    let from = |other: bool| -> Result<String> {
        let host = child::fork("other host", |parent| {
            if other {
                parent.enter_network()?;
            }
            Ok(bound(port)?)
        })?;
        Ok(host.join()?)
    };
    let first = arm == Arm::Experiment;
    Ok([from(first)?, from(!first)?])
}

/// Binds a port whose listener is closed, while a connection that it accepted lives and after.
fn survivor(arm: Arm) -> Result<String> {
    let listener = listening(0, false)?;
    let server = address(&listener)?;
    let client = TcpStream::connect(server).context("connect")?;
    let (connection, _) = listener.accept().context("accept")?;
    drop(listener);
    let end = || {
        // The client closes first, so that TIME_WAIT keeps its port and not the server's.
        drop(client);
        (&connection)
            .read_to_end(&mut Vec::new())
            .context("read to the client's close")?;
        drop(connection);
        settled("the connection's end", || {
            Ok(sock_diag::tcp_on(server.port())?.is_empty().then_some(()))
        })
    };
    Ok(before_and_after_text(observe_before_and_after(
        arm,
        end,
        || bound(server.port()),
    )?))
}

/// What binding `port` gives, without SO_REUSEADDR.
fn bound(port: u16) -> Result<String> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).context("socket")?;
    let result = socket.bind(&loopback(port).into());
    Ok(outcome(result.map_err(|e| {
        Errno::from_raw(e.raw_os_error().unwrap_or(0))
    })))
}

/// A listener without SO_REUSEADDR, which std's would have.
fn listening(port: u16, reuse_port: bool) -> Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).context("socket")?;
    socket
        .set_reuse_port(reuse_port)
        .context("setsockopt SO_REUSEPORT")?;
    socket
        .bind(&loopback(port).into())
        .with_context(|| format!("bind port {port}"))?;
    socket.listen(8).context("listen")?;
    Ok(socket)
}

fn address(socket: &Socket) -> Result<SocketAddr> {
    let address = socket.local_addr().context("getsockname")?;
    address.as_socket().context("getsockname: no IP address")
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn errno(error: &anyhow::Error) -> Option<Errno> {
    let io = error.downcast_ref::<std::io::Error>()?;
    io.raw_os_error().map(Errno::from_raw)
}
