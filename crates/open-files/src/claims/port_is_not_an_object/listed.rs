//! The TCP sockets of a port, as the kernel lists them: by sock_diag(7), and where the kernel has
//! no such family of netlink by proc_net(5), which tells no cookie.

use std::net::SocketAddr;

use anyhow::Result;
use nix::errno::Errno;
use observe::{Operation, net_tcp, sock_diag};

/// One socket of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    /// State number, as in `include/net/tcp_states.h`.
    pub(super) state: u8,
    /// Inode number; 0 for a socket that no file refers to.
    pub(super) inode: u64,
    /// Number that the kernel gives a socket for life; none where the list does not tell it.
    pub(super) cookie: Option<u64>,
}

/// The sockets of a port.
#[derive(Debug)]
pub(super) enum Sockets {
    /// All of them.
    All(Vec<Listed>),
    /// Those of proc_net(5). gVisor lists there only what some file refers to.
    OfFiles(Vec<Listed>),
}

impl Sockets {
    /// Those that are listed.
    pub(super) fn listed(&self) -> &[Listed] {
        match self {
            Sockets::All(listed) | Sockets::OfFiles(listed) => listed,
        }
    }
}

/// Every TCP socket of this network namespace with `port` as its local port.
///
/// # Errors
/// That of sock_diag, except where this kernel does not have it: then that of /proc.
pub(super) fn tcp_on(port: u16) -> Result<Sockets> {
    match sock_diag::tcp_on(port) {
        Err(e) if e.kind == Operation::SockDiag && e.errno == Errno::EPROTONOSUPPORT => {
            Ok(Sockets::OfFiles(in_proc(port)?))
        }
        sockets => Ok(Sockets::All(
            sockets?.into_iter().map(Listed::from).collect(),
        )),
    }
}

fn in_proc(port: u16) -> Result<Vec<Listed>> {
    let rows = net_tcp::rows("tcp")?.into_iter();
    let rows = rows.filter(|row| row.local.port() == port);
    Ok(rows.map(Listed::from).collect())
}

impl From<sock_diag::Socket> for Listed {
    fn from(socket: sock_diag::Socket) -> Self {
        Listed {
            local: socket.local,
            remote: socket.remote,
            state: socket.state,
            inode: socket.inode.into(),
            cookie: Some(socket.cookie),
        }
    }
}

impl From<net_tcp::Row> for Listed {
    fn from(row: net_tcp::Row) -> Self {
        Listed {
            local: row.local,
            remote: row.remote,
            state: row.state,
            inode: row.inode,
            cookie: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Both lists tell the same of a listener, a queued connection and an accepted one.
    #[test]
    fn proc_lists_what_sock_diag_lists() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _clients = [0; 2].map(|_| TcpStream::connect(address).unwrap());
        let _accepted = listener.accept().unwrap();
        let facts = |listed: &[Listed]| {
            let facts = listed.iter().map(|it| (it.state, it.remote, it.inode));
            let mut facts: Vec<(u8, SocketAddr, u64)> = facts.collect();
            facts.sort_unstable();
            facts
        };
        let told = tcp_on(address.port()).unwrap();
        assert!(matches!(told, Sockets::All(_)), "{told:?}");
        assert!(told.listed().iter().all(|it| it.cookie.is_some()));
        let in_proc = in_proc(address.port()).unwrap();
        assert_eq!(facts(told.listed()), facts(&in_proc));
        assert_eq!(in_proc.len(), 3);
    }
}
