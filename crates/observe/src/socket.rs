//! What identifies a socket: its inode number and its cookie (socket(7), sock_diag(7)).
#![expect(
    unsafe_code,
    reason = "getsockopt with an option that nix does not have"
)]

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::stat::fstat;

use crate::{Error, Operation, net_tcp, sock_diag};

/// The two numbers of one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Inode number in sockfs, as in `socket:[N]`. A socket that no file refers to has none.
    pub inode: u64,
    /// `SO_COOKIE`: unique while the kernel runs; given when it is first asked for, then the
    /// socket's to its end.
    pub cookie: u64,
}

/// Reads both numbers of the socket behind `fd`.
///
/// # Errors
/// ENOTSOCK where `fd` is no socket.
pub fn identity(fd: &(impl AsFd + AsRawFd)) -> Result<Identity, Error> {
    let number = fd.as_raw_fd();
    let inode = inode(fd)?;
    let mut cookie = 0u64;
    let mut length = size_of::<u64>() as libc::socklen_t;
    // SAFETY: getsockopt writes at most `length` bytes, which is the size of `cookie`; both live on
    // this stack until the call returns, and nothing else refers to them.
    let read = unsafe {
        libc::getsockopt(
            number,
            libc::SOL_SOCKET,
            libc::SO_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    match Errno::result(read) {
        Ok(_) => Ok(Identity { inode, cookie }),
        Err(errno) => {
            let what = format!("getsockopt SO_COOKIE fd {number}");
            Err(Error::new(what, errno).with_kind(Operation::SocketCookie))
        }
    }
}

/// The inode number of the socket behind `fd`, and its cookie; none where this kernel gives sockets
/// no cookie, as gVisor does not.
///
/// # Errors
/// As [`identity`].
pub fn inode_and_cookie(fd: &(impl AsFd + AsRawFd)) -> Result<(u64, Option<u64>), Error> {
    match identity(fd) {
        Err(e) if e.kind == Operation::SocketCookie && e.errno == Errno::ENOPROTOOPT => {
            Ok((inode(fd)?, None))
        }
        identity => identity.map(|it| (it.inode, Some(it.cookie))),
    }
}

fn inode(fd: &(impl AsFd + AsRawFd)) -> Result<u64, Error> {
    let status = fstat(fd);
    let status = status.map_err(|e| Error::new(format!("fstat fd {}", fd.as_raw_fd()), e))?;
    Ok(status.st_ino)
}

/// The inode numbers of the TCP sockets of this network namespace that listen: by sock_diag(7),
/// or, where the kernel or a filter has none, by /proc/net/tcp and tcp6.
///
/// # Errors
/// That of sock_diag, where /proc does not show them either.
pub fn listening_inodes() -> Result<Vec<u64>, Error> {
    match sock_diag::tcp_listeners() {
        Ok(sockets) => Ok(sockets.iter().map(|socket| socket.inode.into()).collect()),
        Err(refused) => listed_inodes().map_err(|_| refused),
    }
}

fn listed_inodes() -> Result<Vec<u64>, Error> {
    let mut rows = net_tcp::rows("tcp")?;
    // A kernel without IPv6 has no such file.
    rows.extend(net_tcp::rows("tcp6").unwrap_or_default());
    let listening = rows.iter().filter(|row| row.state == sock_diag::LISTEN);
    Ok(listening.map(|row| row.inode).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::unix::net::UnixDatagram;

    use crate::filter::with_refused_call;

    #[test]
    fn proc_lists_the_listeners_that_sock_diag_finds() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = identity(&listener).unwrap().inode;
        assert!(listening_inodes().unwrap().contains(&inode));
        assert!(listed_inodes().unwrap().contains(&inode));
        for errno in [Errno::EPERM, Errno::ENOSYS] {
            with_refused_call(libc::SYS_socket, errno, move || {
                let refused = sock_diag::tcp_listeners().unwrap_err();
                assert_eq!((refused.errno, refused.kind), (errno, Operation::SockDiag));
                assert!(listening_inodes().unwrap().contains(&inode));
            });
        }
    }

    #[test]
    fn a_duplicate_is_the_same_socket_and_a_peer_is_another() {
        let (socket, peer) = UnixDatagram::pair().unwrap();
        let duplicate = socket.try_clone().unwrap();
        assert_eq!(identity(&socket), identity(&duplicate));
        assert_ne!(identity(&socket), identity(&peer));
        let file = std::fs::File::open("/proc/self/status").unwrap();
        assert_eq!(identity(&file).map_err(|e| e.errno), Err(Errno::ENOTSOCK));
    }
}
