//! Sockets of the loopback network, without the options that std would set.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use harness::wait::until_some;
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

/// How long the loopback network may take to reach a state.
const LIMIT: Duration = Duration::from_secs(2);

/// What was read of the sockets themselves after each call; true until one read otherwise.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Evidence {
    /// getsockname(2) told the port that bind(2) was asked for, or one where any was.
    pub(super) bound: bool,
    /// SO_ACCEPTCONN was set after listen(2).
    pub(super) listening: bool,
    /// getpeername(2) told the server's address after connect(2).
    pub(super) connected: bool,
    /// It told the client's address of what accept(2) returned.
    pub(super) accepted: bool,
    /// It told no address after a connect(2) to AF_UNSPEC.
    pub(super) disconnected: bool,
    /// SO_REUSEPORT was set where four sockets listened.
    pub(super) reused: bool,
    /// The other host had another network namespace than this one.
    pub(super) elsewhere: bool,
    /// A connection was there, and its listener was not, when the port was bound first.
    pub(super) outlived: bool,
}

impl Evidence {
    pub(super) const ALL: Evidence = Evidence {
        bound: true,
        listening: true,
        connected: true,
        accepted: true,
        disconnected: true,
        reused: true,
        elsewhere: true,
        outlived: true,
    };
}

/// A listener without SO_REUSEADDR, which std's would have. Port 0: one that the kernel chooses.
pub(super) fn listen_on(port: u16, reuse_port: bool, evidence: &mut Evidence) -> Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).context("socket")?;
    socket
        .set_reuse_port(reuse_port)
        .context("setsockopt SO_REUSEPORT")?;
    socket
        .bind(&loopback(port).into())
        .with_context(|| format!("bind port {port}"))?;
    let bound = address(&socket)?.port();
    evidence.bound &= bound != 0 && (port == 0 || bound == port);
    socket.listen(8).context("listen")?;
    evidence.listening &= socket.is_listener().context("getsockopt SO_ACCEPTCONN")?;
    Ok(socket)
}

/// A client's end of a connection to `server`.
pub(super) fn connect_to(server: SocketAddr, evidence: &mut Evidence) -> Result<TcpStream> {
    let client = TcpStream::connect(server).context("connect")?;
    evidence.connected &= client.peer_addr().context("getpeername after connect")? == server;
    Ok(client)
}

/// The server's end of the connection of `client`, which must be the next.
pub(super) fn accept_from(
    listener: &Socket,
    client: &TcpStream,
    evidence: &mut Evidence,
) -> Result<Socket> {
    let (connection, _) = listener.accept().context("accept")?;
    let peer = connection.peer_addr().context("getpeername after accept")?;
    evidence.accepted &= peer.as_socket() == client.local_addr().ok();
    Ok(connection)
}

/// The local address of `socket`.
pub(super) fn address(socket: &Socket) -> Result<SocketAddr> {
    let address = socket.local_addr().context("getsockname")?;
    address.as_socket().context("getsockname: no IP address")
}

/// `port` of 127.0.0.1.
pub(super) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Looks again and again until `look` finds something.
///
/// # Errors
/// Those of `look`; nothing found within two seconds.
pub(super) fn wait_for<T>(what: &str, look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    until_some(what, LIMIT, look)
}
