//! What identifies a socket: its inode number and its cookie (socket(7), sock_diag(7)).
#![expect(
    unsafe_code,
    reason = "getsockopt with an option that nix does not have"
)]

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::stat::fstat;

use crate::{Error, Operation};

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
    let inode = fstat(fd)
        .map_err(|errno| Error::new(format!("fstat fd {number}"), errno))?
        .st_ino;
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
            Err(Error::new(what, errno).of(Operation::SocketCookie))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

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
