//! One end of the socket pair between a parent and a child: whole messages, with deadlines.
//!
//! A message is a tag byte, a length of four bytes (little endian) and that many bytes of JSON. A
//! socket pair rather than two pipes: one descriptor a side, no SIGPIPE, and a trace of read and
//! write shows the experiment alone.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use serde::{Serialize, de::DeserializeOwned};

use crate::{ErrorKind, clock::Deadline};

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    /// A value that one side sends and the other receives.
    Value = b'v',
    /// The child holds here.
    Checkpoint = b'c',
    /// The parent lets it go on.
    Release = b'r',
    /// The value of the child's closure.
    Answer = b'a',
    /// The error of the child's closure.
    Failed = b'f',
    /// The message of the child's panic.
    Panicked = b'p',
}

/// Why no message came.
#[derive(Debug)]
pub(crate) enum Silence {
    /// The deadline passed.
    Late,
    /// The peer has ended: its end is closed, or `watched` became ready with nothing left to read.
    Gone,
    /// A system call failed.
    System(&'static str, Errno),
    /// Bytes with which no message of this crate begins.
    Garbled,
}

/// One end.
#[derive(Debug)]
pub(crate) struct Link {
    socket: OwnedFd,
}

impl Link {
    /// Both ends, close-on-exec.
    pub(crate) fn pair() -> Result<(Link, Link), Errno> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (a, b) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
        Ok((Link { socket: a }, Link { socket: b }))
    }

    /// Sends one message.
    pub(crate) fn send(
        &self,
        tag: Tag,
        body: &[u8],
        deadline: Option<Deadline>,
    ) -> Result<(), Silence> {
        let length = u32::try_from(body.len()).map_err(|_| Silence::Garbled)?;
        let mut message = Vec::with_capacity(5 + body.len());
        message.push(tag as u8);
        message.extend_from_slice(&length.to_le_bytes());
        message.extend_from_slice(body);
        let mut sent = 0;
        while sent < message.len() {
            let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
            match send(self.socket.as_raw_fd(), &message[sent..], flags) {
                Ok(count) => sent += count,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => self.await_ready(PollFlags::POLLOUT, None, deadline)?,
                Err(Errno::EPIPE | Errno::ECONNRESET) => return Err(Silence::Gone),
                Err(errno) => return Err(Silence::System("send", errno)),
            }
        }
        Ok(())
    }

    /// Receives one message. With `watched`, a descriptor of the peer's life, the end of the peer
    /// is noticed even while another process holds a copy of its socket.
    pub(crate) fn recv(
        &self,
        watched: Option<BorrowedFd<'_>>,
        deadline: Option<Deadline>,
    ) -> Result<(Tag, Vec<u8>), Silence> {
        let mut head = [0; 5];
        self.fill(&mut head, watched, deadline)?;
        let [tag, length @ ..] = head;
        let tag = match tag {
            b'v' => Tag::Value,
            b'c' => Tag::Checkpoint,
            b'r' => Tag::Release,
            b'a' => Tag::Answer,
            b'f' => Tag::Failed,
            b'p' => Tag::Panicked,
            _ => return Err(Silence::Garbled),
        };
        let mut body = vec![0; u32::from_le_bytes(length) as usize];
        self.fill(&mut body, watched, deadline)?;
        Ok((tag, body))
    }

    fn fill(
        &self,
        buffer: &mut [u8],
        watched: Option<BorrowedFd<'_>>,
        deadline: Option<Deadline>,
    ) -> Result<(), Silence> {
        let mut filled = 0;
        let mut ended = false;
        while filled < buffer.len() {
            match recv(
                self.socket.as_raw_fd(),
                &mut buffer[filled..],
                MsgFlags::MSG_DONTWAIT,
            ) {
                Ok(0) | Err(Errno::ECONNRESET) => return Err(Silence::Gone),
                Ok(count) => filled += count,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if ended => return Err(Silence::Gone),
                // A peer that has ended may have sent its last words after poll looked at the
                // socket and before it looked at the peer: read once more.
                Err(Errno::EAGAIN) => {
                    match self.await_ready(PollFlags::POLLIN, watched, deadline) {
                        Err(Silence::Gone) => ended = true,
                        ready => ready?,
                    }
                }
                Err(errno) => return Err(Silence::System("recv", errno)),
            }
        }
        Ok(())
    }

    /// Waits until the socket is ready for `events`. If `watched` is ready and the socket is not,
    /// the peer has ended.
    fn await_ready(
        &self,
        events: PollFlags,
        watched: Option<BorrowedFd<'_>>,
        deadline: Option<Deadline>,
    ) -> Result<(), Silence> {
        // Without a peer to watch the socket stands alone: named twice, its second entry could be
        // found ready by the poll that found the first one not ready.
        let mut fds = vec![PollFd::new(self.socket.as_fd(), events)];
        fds.extend(watched.map(|peer| PollFd::new(peer, PollFlags::POLLIN)));
        loop {
            let timeout = match deadline {
                Some(deadline) => deadline.remaining().ok_or(Silence::Late)?,
                None => PollTimeout::NONE,
            };
            match poll(&mut fds, timeout) {
                Ok(0) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Silence::System("poll", errno)),
                Ok(_) if fds[0].any() == Some(true) => return Ok(()),
                Ok(_) => return Err(Silence::Gone),
            }
        }
    }
}

/// Readable when the peer has sent something, or has closed its end.
impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A value as the body of a message.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, ErrorKind> {
    serde_json::to_vec(value).map_err(|e| ErrorKind::Unexpected(format!("cannot be sent: {e}")))
}

/// The value in the body of a message.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, ErrorKind> {
    serde_json::from_slice(body)
        .map_err(|e| ErrorKind::Unexpected(format!("sent what was not expected: {e}")))
}
