//! `TCP_INFO`: what a TCP socket tells about itself (tcp(7), `struct tcp_info` of
//! `include/uapi/linux/tcp.h`; for listeners `tcp_get_info` in `net/ipv4/tcp.c`).
#![expect(
    unsafe_code,
    reason = "getsockopt with a structure that nix does not have"
)]

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

use crate::Error;

/// The fields that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpInfo {
    /// State number, as in `include/net/tcp_states.h`: 1 ESTABLISHED, 2 SYN_SENT, 10 LISTEN.
    pub state: u8,
    /// Segments not acknowledged; on a listener the length of its accept queue.
    pub unacked: u32,
    /// Segments acknowledged selectively; on a listener the backlog in force.
    pub sacked: u32,
}

/// `TCP_SYN_SENT`.
pub const SYN_SENT: u8 = 2;

/// Bytes up to and with `tcpi_sacked`.
const LENGTH: usize = 32;

/// Asks `socket`.
///
/// # Errors
/// ENOPROTOOPT where it is no TCP socket, EBADF where it is closed.
pub fn read(socket: &impl AsFd) -> Result<TcpInfo, Error> {
    let fd = socket.as_fd().as_raw_fd();
    let mut bytes = [0u8; LENGTH];
    let mut length = LENGTH as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, the size of the buffer, which lives on this
    // frame until the call returns.
    let result = unsafe {
        libc::getsockopt(
            fd,
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            bytes.as_mut_ptr().cast(),
            &mut length,
        )
    };
    Errno::result(result)
        .map_err(|errno| Error::new(format!("getsockopt TCP_INFO fd {fd}"), errno))?;
    Ok(parse(&bytes))
}

pub(crate) fn parse(bytes: &[u8; LENGTH]) -> TcpInfo {
    let word =
        |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    TcpInfo {
        state: bytes[0],
        unacked: word(24),
        sacked: word(28),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_listener_tells_its_queue() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let empty = read(&listener).unwrap();
        assert_eq!((empty.state, empty.unacked), (10, 0));
        assert!(empty.sacked > 0);
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(read(&client).unwrap().state, 1);
        assert_eq!(read(&listener).unwrap().unacked, 1);
    }

    #[test]
    fn no_tcp_socket() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(read(&file).unwrap_err().errno, Errno::ENOTSOCK);
    }
}
