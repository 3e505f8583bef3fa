//! Whether there is a loopback to connect over.

use std::net::{Ipv4Addr, UdpSocket};

/// Whether the loopback of this network namespace is down, as in a new one: then a test of what is
/// connected ends at once, and says so. connect(2) of a UDP socket looks for a way and sends
/// nothing.
#[expect(clippy::print_stderr, reason = "a test that does not run says why")]
pub fn is_down() -> bool {
    let there = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
        .and_then(|socket| socket.connect((Ipv4Addr::LOCALHOST, 9)));
    let is_down = there.is_err_and(|e| e.raw_os_error() == Some(libc::ENETUNREACH));
    if is_down {
        eprintln!("skipped: the loopback is down (ip link set lo up)");
    }
    is_down
}
