//! A network of one's own: a namespace that vanishes with its last process.
#![expect(unsafe_code, reason = "an ioctl and a connect that nix has no form of")]

use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// Moves this process into a new network namespace with a loopback device that is up; into a user
/// namespace, too, where it may not make the one without the other.
pub fn enter(parent: &child::Parent) -> Result<()> {
    let network = CloneFlags::CLONE_NEWNET;
    match unshare(network) {
        Err(Errno::EPERM) => unshare(network | CloneFlags::CLONE_NEWUSER)
            .context("unshare CLONE_NEWUSER | CLONE_NEWNET")?,
        made => made.context("unshare CLONE_NEWNET")?,
    }
    // Entering a user namespace has dropped the bond to the parent's life.
    parent.bind()?;
    loopback_up()
}

/// ioctl `SIOCSIFFLAGS` of netdevice(7).
fn loopback_up() -> Result<()> {
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    // SAFETY: ifreq is a plain C structure of integers and a union of such; all zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads one ifreq, which lives on this stack until the call returns.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    Errno::result(done)
        .map(drop)
        .context("ioctl SIOCSIFFLAGS lo up")
}

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
