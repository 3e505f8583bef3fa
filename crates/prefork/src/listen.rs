//! Listening sockets: where, how long the queue, how many.

use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::error::{Error, ErrorKind};

/// Where to listen, and for how many workers.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// Address and port; port 0 lets the kernel choose.
    pub address: SocketAddr,
    /// The backlog asked for, in connections; the kernel caps it at net.core.somaxconn.
    pub backlog: i32,
    /// Workers that will accept.
    pub workers: usize,
}

/// What accept(2) does where the queue is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// It sleeps until a connection comes.
    Blocking,
    /// It fails with EAGAIN at once (O_NONBLOCK).
    NonBlocking,
}

impl Site {
    /// Port 0 of the IPv4 loopback, with a queue as long as the kernel allows by default.
    #[must_use]
    pub fn loopback(workers: usize) -> Self {
        Site {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            backlog: 4096,
            workers,
        }
    }

    /// One listening socket for all workers (socket(2), bind(2), listen(2)), with SO_REUSEADDR.
    ///
    /// # Errors
    /// [`ErrorKind::Address`]: EADDRINUSE, EACCES for a port below 1024, EADDRNOTAVAIL for an
    /// address that is not ours.
    pub fn listener(&self, accept: Accept) -> Result<TcpListener, Error> {
        self.open(self.address, accept, false)
    }

    /// A listening socket for each worker, all on one port (`SO_REUSEPORT`, socket(7)).
    ///
    /// # Errors
    /// Those of [`Site::listener`].
    pub fn reuseport_group(&self) -> Result<Vec<TcpListener>, Error> {
        let first = self.open(self.address, Accept::Blocking, true)?;
        let address = first
            .local_addr()
            .map_err(Error::system("getsockname", ""))?;
        let mut group = vec![first];
        for _ in 1..self.workers {
            group.push(self.open(address, Accept::Blocking, true)?);
        }
        Ok(group)
    }

    fn open(
        &self,
        address: SocketAddr,
        accept: Accept,
        reuse_port: bool,
    ) -> Result<TcpListener, Error> {
        // Non-blocking from the start: a later fcntl(2) could answer and do nothing, and a call
        // that must not wait would.
        let kind = match accept {
            Accept::Blocking => Type::STREAM.cloexec(),
            Accept::NonBlocking => Type::STREAM.cloexec().nonblocking(),
        };
        let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))
            .map_err(Error::system("socket", ""))?;
        socket
            .set_reuse_address(true)
            .map_err(Error::system("setsockopt", "SO_REUSEADDR"))?;
        if reuse_port {
            socket
                .set_reuse_port(true)
                .map_err(Error::system("setsockopt", "SO_REUSEPORT"))?;
        }
        socket
            .bind(&address.into())
            .map_err(|error| Error::new(ErrorKind::Address, "bind", address.to_string(), error))?;
        socket.listen(self.backlog).map_err(|error| {
            let object = format!("on {address} with backlog {}", self.backlog);
            Error::new(ErrorKind::Address, "listen", object, error)
        })?;
        Ok(socket.into())
    }
}
