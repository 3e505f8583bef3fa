//! How a worker answers a client: with the same bytes, with one HTTP response, or with a function
//! of the caller's.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// How long a worker waits for a silent client. It serves no other client meanwhile: that is the
/// price of one process per connection.
const IDLE: Duration = Duration::from_secs(10);

const DAY: Duration = Duration::from_secs(86_400);

/// How long a worker waits for the client to read the rest of a response.
const LINGER: Duration = Duration::from_secs(1);

/// The longest head of a request that is read, in bytes.
pub(super) const MAX_HEAD: usize = 8192;

/// Answers one connection: the connection, a sentence about the worker that accepted it, and how
/// long it may last. Called in the worker, with the connection in blocking mode.
pub type Handler = fn(TcpStream, &str, Duration) -> Result<()>;

/// How the workers answer.
#[derive(Clone, Copy, Debug)]
pub enum Protocol {
    /// Sends back every byte, until the client closes (RFC 862).
    Echo,
    /// Sends one response that names the worker that accepted, then closes (RFC 9112).
    Http,
    /// Whatever this function does.
    Custom(Handler),
}

impl Protocol {
    /// Serves one connection, for `limit` at most; `acceptor` names the worker that accepted it. A
    /// silent client is given up after 10 s, unless the protocol is [`Protocol::Custom`].
    ///
    /// # Errors
    /// That of the connection, TimedOut or WouldBlock where its client is too slow. It concerns
    /// only this client.
    pub fn serve(self, connection: TcpStream, acceptor: &str, limit: Duration) -> Result<()> {
        match self {
            Protocol::Echo => echo(Bounded::new(connection, limit)),
            Protocol::Http => http(Bounded::new(connection, limit), acceptor),
            Protocol::Custom(handler) => handler(connection, acceptor, limit),
        }
    }
}

/// A connection that ends at a deadline, however slowly its client sends, and earlier where the
/// client is silent.
struct Bounded {
    connection: TcpStream,
    deadline: Instant,
}

impl Bounded {
    fn new(connection: TcpStream, limit: Duration) -> Self {
        let now = Instant::now();
        // A limit beyond the range of the clock becomes a day.
        let deadline = now.checked_add(limit).unwrap_or(now + DAY);
        Bounded {
            connection,
            deadline,
        }
    }

    /// Brings the deadline forward to `limit` from now.
    fn shorten(&mut self, limit: Duration) {
        self.deadline = self.deadline.min(Instant::now() + limit);
    }

    /// How long the next call may take.
    fn time_left(&self) -> Result<Duration> {
        match self.deadline.saturating_duration_since(Instant::now()) {
            // A socket takes a timeout of zero for no limit.
            Duration::ZERO => Err(ErrorKind::TimedOut.into()),
            left => Ok(left.min(IDLE)),
        }
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.connection.set_read_timeout(Some(self.time_left()?))?;
        self.connection.read(buffer)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.connection.set_write_timeout(Some(self.time_left()?))?;
        self.connection.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.connection.flush()
    }
}

fn echo(mut connection: Bounded) -> Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match connection.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => connection.write_all(&buffer[..count])?,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

fn http(mut connection: Bounded, acceptor: &str) -> Result<()> {
    // A request is short: one that comes byte by byte has no more time than a silent client.
    connection.shorten(IDLE);
    let head = read_head(&mut connection)?;
    connection.write_all(response(&head, acceptor).as_bytes())?;
    // Bytes that are still unread when a socket is closed turn the close into a reset (RFC 9112,
    // 9.6): end our side first, then read what the client has sent.
    connection.connection.shutdown(Shutdown::Write)?;
    connection.shorten(LINGER);
    let mut rest = [0; 4096];
    while connection.read(&mut rest)? > 0 {}
    Ok(())
}

/// Reads the request up to the empty line, or as much as the client sent.
pub(super) fn read_head(connection: &mut impl Read) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while head.len() < MAX_HEAD && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match connection.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => head.extend_from_slice(&buffer[..count]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(head)
}

pub(super) fn response(head: &[u8], acceptor: &str) -> String {
    let head = String::from_utf8_lossy(head);
    let mut words = head.lines().next().unwrap_or("").split(' ');
    let (method, version) = (words.next().unwrap_or(""), words.nth(1).unwrap_or(""));
    let (status, body) = match method {
        _ if !version.starts_with("HTTP/1.") => {
            ("400 Bad Request", "not an HTTP/1 request\n".into())
        }
        "GET" | "HEAD" => ("200 OK", format!("{acceptor}\n")),
        _ => ("405 Method Not Allowed", "GET and HEAD only\n".to_owned()),
    };
    // A 405 must say what is allowed (RFC 9110, 15.5.6).
    let allow = if status.starts_with("405") {
        "Allow: GET, HEAD\r\n"
    } else {
        ""
    };
    let length = body.len();
    let body = if method == "HEAD" { "" } else { &body };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {length}\r\n{allow}Cache-Control: no-store\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_nonsense() {
        let answer = |head: &str| response(head.as_bytes(), "worker 0");
        assert!(answer("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200"));
        assert!(answer("GET / HTTP/1.1\r\n\r\n").ends_with("worker 0\n"));
        assert!(answer("HEAD / HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
        assert!(answer("POST / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
        assert!(answer("POST / HTTP/1.1\r\n\r\n").contains("\r\nAllow: GET, HEAD\r\n"));
        assert!(!answer("GET / HTTP/1.1\r\n\r\n").contains("Allow"));
        assert!(answer("").starts_with("HTTP/1.1 400"));
        assert!(answer("\u{0}\u{1}\r\n\r\n").starts_with("HTTP/1.1 400"));
    }
}
