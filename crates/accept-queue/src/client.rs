//! The client: connects, waits for the server's close, closes. It closes second, so that TIME_WAIT
//! stays with the server and no port of the client is used up.

use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use harness::interrupt;
use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::Error;

/// How long a connection may take to be made, and to be closed.
const LIMIT: Duration = Duration::from_secs(10);

/// How long the client waits before it looks whether a signal came. Only a connection that no
/// worker serves lasts so long.
const SIGNAL_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Connections from one source address before the next is used: fewer than the kernel's default
/// range of ports (net.ipv4.ip_local_port_range) holds.
const FROM_ONE_ADDRESS: u64 = 20_000;

/// Source addresses of the loopback network that a connection may try.
const SOURCES: u64 = 32;

/// Connects to one address.
#[derive(Debug)]
pub struct Client {
    server: SocketAddr,
    made: u64,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The server accepted it and closed it.
    Closed,
    /// It was reset: the process that had it has died.
    Reset,
}

impl Client {
    /// A client of `server`.
    pub fn new(server: SocketAddr) -> Self {
        Client { server, made: 0 }
    }

    /// Makes a connection: returns once it is ESTABLISHED, whether or not a worker has accepted it.
    ///
    /// # Errors
    /// ETIMEDOUT or EINPROGRESS where the queue is full, ECONNREFUSED where no socket listens,
    /// EADDRNOTAVAIL where every port of every source address is in use; an interrupt meanwhile.
    pub fn connect(&mut self) -> Result<TcpStream, Error> {
        let from = 1 + self.made / FROM_ONE_ADDRESS;
        let loopback = self.server.ip().is_loopback() && self.server.is_ipv4();
        let sources = if loopback { SOURCES } else { 1 };
        self.made += 1;
        let operation = format!("connect to {}", self.server);
        for source in from..from + sources {
            match self.connect_from(source) {
                // Every port of this source address is taken: 127.0.0.2 has as many again.
                Err(e) if matches!(errno(&e), Some(Errno::EADDRNOTAVAIL | Errno::EADDRINUSE)) => {}
                Ok(connection) => return Ok(connection),
                Err(e) => {
                    interrupt::check()?;
                    return Err(Error::system(operation)(e));
                }
            }
        }
        Err(Error::Stuck(format!(
            "{operation}: every port of {sources} source addresses is in use \
             (net.ipv4.ip_local_port_range)"
        )))
    }

    fn connect_from(&self, source: u64) -> std::io::Result<TcpStream> {
        let domain = Domain::for_address(self.server);
        let socket = Socket::new(domain, Type::STREAM.cloexec(), Some(Protocol::TCP))?;
        if source > 1 && self.server.is_ipv4() && self.server.ip().is_loopback() {
            let host = 1 + (source - 1) % 254;
            let host = u8::try_from(host).unwrap_or(1);
            socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)).into())?;
        }
        socket.set_read_timeout(Some(SIGNAL_CHECK_INTERVAL))?;
        // Also the limit on connect (socket(7), SO_SNDTIMEO).
        socket.set_write_timeout(Some(SIGNAL_CHECK_INTERVAL))?;
        let deadline = Instant::now() + LIMIT;
        loop {
            match socket.connect(&self.server.into()) {
                // A ring that was closed (io_uring) notifies its task much as a signal does. On
                // Linux a second call waits on for the same connection (connect(2),
                // `inet_stream_connect`).
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if errno(&e) == Some(Errno::EISCONN) => return Ok(socket.into()),
                Err(e)
                    if is_in_progress(&e)
                        && Instant::now() < deadline
                        && interrupt::check().is_ok() => {}
                connected => return connected.map(|()| socket.into()),
            }
        }
    }
}

/// Waits until the server has closed `connection`, and closes it.
///
/// # Errors
/// No worker closes it within 10 s; an interrupt meanwhile.
pub fn wait_for_close(connection: TcpStream) -> Result<End, Error> {
    let end = wait_for_end_within(LIMIT, &connection)?;
    end.ok_or_else(|| {
        let seconds = LIMIT.as_secs();
        Error::Stuck(format!("a connection was not served within {seconds} s"))
    })
}

/// As [`wait_for_close`], but `connection` stays open here, and there is no end where the server
/// has not closed it within `limit`.
///
/// # Errors
/// That of recv(2); an interrupt meanwhile.
pub(crate) fn wait_for_end_within(
    limit: Duration,
    mut connection: &TcpStream,
) -> Result<Option<End>, Error> {
    let start = Instant::now();
    let mut buffer = [0; 256];
    loop {
        match connection.read(&mut buffer) {
            Ok(0) => return Ok(Some(End::Closed)),
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::ConnectionReset => return Ok(Some(End::Reset)),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                interrupt::check()?;
                if start.elapsed() >= limit {
                    return Ok(None);
                }
            }
            Err(e) => return Err(Error::system("read from a connection")(e)),
        }
    }
}

/// Whether connect stopped waiting while the handshake goes on.
fn is_in_progress(e: &std::io::Error) -> bool {
    matches!(errno(e), Some(Errno::EINPROGRESS | Errno::EALREADY))
}

fn errno(e: &std::io::Error) -> Option<Errno> {
    e.raw_os_error().map(Errno::from_raw)
}
