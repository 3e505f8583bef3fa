//! One port of many sockets, and many ports of one socket.

use std::net::UdpSocket;

use anyhow::{Context, Result, bail};
use claim::Arm;
use nix::errno::Errno;
use observe::socket::inode_and_cookie;
use socket2::{Domain, Socket, Type};

use super::listed;
use super::sockets::{Evidence, address, listen_on, loopback};

/// How many of four sockets can listen on one port, counted by cookie; by inode where the kernel
/// lists no cookies.
pub(super) fn count_listeners(arm: Arm, evidence: &mut Evidence) -> Result<usize> {
    let reuse = arm == Arm::Experiment;
    let first = listen_on(0, reuse, evidence)?;
    let port = address(&first)?.port();
    let mut all = vec![first];
    for _ in 1..4 {
        match listen_on(port, reuse, evidence) {
            Ok(another) => all.push(another),
            Err(error) if errno(&error) == Some(Errno::EADDRINUSE) => {}
            Err(error) => return Err(error),
        }
    }
    for socket in &all {
        evidence.reused &= socket.reuse_port().context("getsockopt SO_REUSEPORT")?;
    }
    let sockets = listed::tcp_on(port)?;
    let sockets = sockets.listed().iter();
    let mut sockets: Vec<u64> = sockets.map(|it| it.cookie.unwrap_or(it.inode)).collect();
    sockets.sort_unstable();
    sockets.dedup();
    Ok(sockets.len())
}

fn errno(error: &anyhow::Error) -> Option<Errno> {
    let io = error.downcast_ref::<std::io::Error>()?;
    io.raw_os_error().map(Errno::from_raw)
}

/// Distinct ports of one UDP socket over three connects. Where the kernel chose the port,
/// connecting to AF_UNSPEC gives it back; another socket then takes it, so that the kernel must
/// choose a different port.
pub(super) fn count_udp_ports(arm: Arm, evidence: &mut Evidence) -> Result<usize> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).context("socket")?;
    if arm == Arm::Control {
        // Only a port that was asked for by number is kept.
        let free = UdpSocket::bind(loopback(0)).context("bind")?.local_addr();
        let free = free.context("getsockname")?;
        socket.bind(&free.into()).context("bind")?;
    }
    let before = inode_and_cookie(&socket)?;
    let mut ports = Vec::new();
    let mut place_holders = Vec::new();
    for _ in 0..3 {
        socket.connect(&loopback(9).into()).context("connect")?;
        let connected = socket.peer_addr().context("getpeername after connect")?;
        evidence.connected &= connected.as_socket() == Some(loopback(9));
        let port = address(&socket)?.port();
        if !ports.contains(&port) {
            ports.push(port);
        }
        // Gives back the local port, which the kernel chose (udp(7), ip(7)).
        rustix::net::connect_unspec(&socket)
            .map_err(|errno| Errno::from_raw(errno.raw_os_error()))
            .context("connect AF_UNSPEC")?;
        evidence.disconnected &= socket.peer_addr().is_err();
        place_holders.extend(UdpSocket::bind(loopback(port)).ok());
    }
    if inode_and_cookie(&socket)? != before {
        bail!("a UDP socket changed its identity");
    }
    Ok(ports.len())
}
