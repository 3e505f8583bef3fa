//! What connect(2) does that nix has no form of.
#![expect(unsafe_code, reason = "connect to AF_UNSPEC")]

use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use nix::errno::Errno;

/// Dissolves a datagram socket's association: connect(2) to `AF_UNSPEC`. A local port that the
/// kernel chose is given back (udp(7), ip(7)).
pub fn disconnect(socket: &impl AsRawFd) -> Result<()> {
    // SAFETY: sockaddr is a plain C structure of integers; all zero is AF_UNSPEC.
    let address: libc::sockaddr = unsafe { std::mem::zeroed() };
    let length = size_of::<libc::sockaddr>() as libc::socklen_t;
    // SAFETY: connect reads `length` bytes of an address that lives on this stack until it returns.
    let done = unsafe { libc::connect(socket.as_raw_fd(), &raw const address, length) };
    Errno::result(done).map(drop).context("connect AF_UNSPEC")
}
