//! sock_diag(7): sockets asked for over netlink, with their cookies and queues. One request, the
//! dump that answers it, and the few fields that are used; the layouts are those of
//! `include/uapi/linux/inet_diag.h` and `netlink.h`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

use crate::{Error, Operation};

/// One socket of this process's network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Local address and port.
    pub local: SocketAddr,
    /// Remote address and port.
    pub remote: SocketAddr,
    /// State number, as in `include/net/tcp_states.h`.
    pub state: u8,
    /// Number that the kernel gives a socket for life (`SO_COOKIE`).
    pub cookie: u64,
    /// Inode number; 0 for a socket that no file refers to.
    pub inode: u32,
    /// Bytes to be read; on a listener the length of its accept queue.
    pub receive_queue: u32,
    /// Bytes to be sent; on a listener the backlog.
    pub send_queue: u32,
    /// User id of its owner.
    pub uid: u32,
}

/// `TCP_ESTABLISHED`.
pub const ESTABLISHED: u8 = 1;
/// `TCP_TIME_WAIT`.
pub const TIME_WAIT: u8 = 6;
/// `TCP_CLOSE`: bound or not, neither connected nor listening.
pub const CLOSE: u8 = 7;
/// `TCP_LISTEN`.
pub const LISTEN: u8 = 10;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// Bytes of `struct nlmsghdr` and of `struct inet_diag_msg`.
const HEADER: usize = 16;
const MESSAGE: usize = 72;

/// Every TCP socket of this network namespace with `port` as its local port, IPv4 and IPv6.
///
/// # Errors
/// EPROTONOSUPPORT, ENOENT or EPERM where the kernel or a filter has no sock_diag.
pub fn tcp_on(port: u16) -> Result<Vec<Socket>, Error> {
    sockets(&Question {
        port,
        ..Question::new(libc::IPPROTO_TCP)
    })
}

/// Every TCP socket of this network namespace that listens, IPv4 and IPv6. The kernel looks at
/// those alone, however many connections there are.
///
/// # Errors
/// As [`tcp_on`].
pub fn tcp_listeners() -> Result<Vec<Socket>, Error> {
    sockets(&Question {
        states: 1 << LISTEN,
        ..Question::new(libc::IPPROTO_TCP)
    })
}

/// Every UDP socket of this network namespace with `port` as its local port, IPv4 and IPv6.
///
/// # Errors
/// As [`tcp_on`].
pub fn udp_on(port: u16) -> Result<Vec<Socket>, Error> {
    sockets(&Question {
        port,
        ..Question::new(libc::IPPROTO_UDP)
    })
}

/// What is asked of one protocol.
struct Question {
    protocol: u8,
    /// Bit N for state N.
    states: u32,
    /// Local port; 0 for any.
    port: u16,
}

impl Question {
    fn new(protocol: i32) -> Self {
        Question {
            protocol: protocol as u8,
            states: u32::MAX,
            port: 0,
        }
    }

    /// Whether a socket is meant; the kernel may answer with more.
    fn means(&self, socket: &Socket) -> bool {
        self.port == 0 || socket.local.port() == self.port
    }

    /// `struct nlmsghdr` and `struct inet_diag_req_v2`.
    fn request(&self, family: u8) -> Vec<u8> {
        const LENGTH: usize = HEADER + 56;
        let mut request = Vec::with_capacity(LENGTH);
        request.extend((LENGTH as u32).to_ne_bytes());
        request.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        request.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
        request.extend([0; 8]);
        request.extend([family, self.protocol, 0, 0]);
        request.extend(self.states.to_ne_bytes());
        request.extend(self.port.to_be_bytes());
        request.resize(LENGTH, 0);
        request
    }
}

fn sockets(question: &Question) -> Result<Vec<Socket>, Error> {
    let mut found = Vec::new();
    for family in [libc::AF_INET as u8, libc::AF_INET6 as u8] {
        let what = || match question.port {
            0 => "sock_diag dump".to_owned(),
            port => format!("sock_diag dump of port {port}"),
        };
        found.extend(dump(family, question).map_err(|errno| match errno {
            Errno::UnknownErrno => Error::without_errno(format!("{}: no answer", what())),
            errno => Error::new(what(), errno).with_kind(Operation::SockDiag),
        })?);
    }
    found.retain(|socket| question.means(socket));
    Ok(found)
}

fn dump(family: u8, question: &Question) -> Result<Vec<Socket>, Errno> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )?;
    let request = question.request(family);
    let kernel = NetlinkAddr::new(0, 0);
    if sendto(socket.as_raw_fd(), &request, &kernel, MsgFlags::empty())? != request.len() {
        return Err(Errno::UnknownErrno);
    }
    let mut found = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // The kernel has the next part of its answer ready whenever it is asked for: there is no
        // wait that could last for ever.
        let length = match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            Err(Errno::EINTR) => continue,
            Ok(0) => return Err(Errno::UnknownErrno),
            length => length?,
        };
        if parse(&buffer[..length], &mut found)? {
            return Ok(found);
        }
    }
}

/// Adds the sockets of one datagram to `found`; true at the end of the dump.
pub(crate) fn parse(mut datagram: &[u8], found: &mut Vec<Socket>) -> Result<bool, Errno> {
    while let Some(head) = datagram.get(..HEADER) {
        let length = u32_at(head, 0) as usize;
        let (Some(body), true) = (datagram.get(HEADER..length), length >= HEADER) else {
            break;
        };
        match u16::from_ne_bytes([head[4], head[5]]) {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => {
                let code = body.get(..4).map_or(0, |code| u32_at(code, 0) as i32);
                return Err(Errno::from_raw(code.saturating_neg()));
            }
            SOCK_DIAG_BY_FAMILY => found.extend(message(body)),
            _ => {}
        }
        datagram = datagram
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    Ok(false)
}

/// `struct inet_diag_msg`.
fn message(body: &[u8]) -> Option<Socket> {
    let body = body.get(..MESSAGE)?;
    let port = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
    let address = |at: usize| -> IpAddr {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&body[at..at + 16]);
        if i32::from(body[0]) == libc::AF_INET {
            Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into()
        } else {
            Ipv6Addr::from(bytes).into()
        }
    };
    Some(Socket {
        local: SocketAddr::new(address(8), port(4)),
        remote: SocketAddr::new(address(24), port(6)),
        state: body[1],
        cookie: u64::from(u32_at(body, 44)) | u64::from(u32_at(body, 48)) << 32,
        receive_queue: u32_at(body, 56),
        send_queue: u32_at(body, 60),
        uid: u32_at(body, 64),
        inode: u32_at(body, 68),
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_ne_bytes(word)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_listener_of_ours_is_found_by_its_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let sockets = tcp_on(port).unwrap();
        assert_eq!(sockets.len(), 1);
        assert_eq!(
            (sockets[0].state, sockets[0].local),
            (LISTEN, listener.local_addr().unwrap())
        );
        assert_ne!((sockets[0].inode, sockets[0].cookie), (0, 0));
        let listeners = tcp_listeners().unwrap();
        assert!(listeners.contains(&sockets[0]));
        assert!(listeners.iter().all(|socket| socket.state == LISTEN));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(datagram in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&datagram, &mut Vec::new());
        }

        #[test]
        fn damaged_messages_never_panic(length in 0u32..200, kind in 0u16..25,
                body in proptest::collection::vec(any::<u8>(), 0..120)) {
            let mut datagram = length.to_ne_bytes().to_vec();
            datagram.extend(kind.to_ne_bytes());
            datagram.extend([0; 10]);
            datagram.extend(body);
            let _ = parse(&datagram, &mut Vec::new());
        }
    }
}
