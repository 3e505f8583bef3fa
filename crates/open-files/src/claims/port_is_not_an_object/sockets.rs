//! Sockets of the loopback network, without the options that std would set.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use harness::wait::until_some;
use socket2::{Domain, Socket, Type};

/// How long the loopback network may take to reach a state.
const LIMIT: Duration = Duration::from_secs(2);

/// A listener without SO_REUSEADDR, which std's would have. Port 0: one that the kernel chooses.
pub(super) fn listen_on(port: u16, reuse_port: bool) -> Result<Socket> {
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
