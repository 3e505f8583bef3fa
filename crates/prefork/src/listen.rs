//! Listening sockets: where, how long the queue, how many.

use std::net::{SocketAddr, TcpListener};

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, Socket, Type};

use crate::limits::NoStart;

/// Where to listen, and for how many workers.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// Address and port; port 0 lets the kernel choose.
    pub address: SocketAddr,
    /// The backlog asked for; the kernel caps it at net.core.somaxconn.
    pub backlog: i32,
    /// Workers that will accept.
    pub workers: usize,
}

/// What accept does where the queue is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// It sleeps.
    Sleep,
    /// It fails with EAGAIN.
    Again,
}

impl Site {
    /// Port 0 of the IPv4 loopback, with a queue as long as the kernel allows by default.
    pub fn loopback(workers: usize) -> Self {
        Site {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            backlog: 4096,
            workers,
        }
    }

    /// One listening socket for all workers.
    ///
    /// # Errors
    /// EADDRINUSE, EACCES for a port below 1024, EADDRNOTAVAIL for an address that is not ours.
    pub fn listener(&self, empty: Empty) -> Result<TcpListener> {
        self.open(self.address, empty, false)
    }

    /// A listening socket for each worker, all on one port (`SO_REUSEPORT`, socket(7)).
    ///
    /// # Errors
    /// As [`Site::listener`].
    pub fn group(&self) -> Result<Vec<TcpListener>> {
        let first = self.open(self.address, Empty::Sleep, true)?;
        let address = first.local_addr().context("getsockname")?;
        let mut group = vec![first];
        for _ in 1..self.workers {
            group.push(self.open(address, Empty::Sleep, true)?);
        }
        Ok(group)
    }

    fn open(&self, address: SocketAddr, empty: Empty, reuse_port: bool) -> Result<TcpListener> {
        let kind = Type::STREAM.cloexec();
        let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))
            .context("socket")?;
        socket
            .set_reuse_address(true)
            .context("setsockopt SO_REUSEADDR")?;
        if reuse_port {
            socket
                .set_reuse_port(true)
                .context("setsockopt SO_REUSEPORT")?;
        }
        socket
            .bind(&address.into())
            .with_context(|| NoStart(format!("bind {address}")))?;
        socket.listen(self.backlog).with_context(|| {
            NoStart(format!("listen on {address} with backlog {}", self.backlog))
        })?;
        socket
            .set_nonblocking(empty == Empty::Again)
            .context("fcntl O_NONBLOCK")?;
        Ok(socket.into())
    }
}
