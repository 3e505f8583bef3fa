//! One end of what connects a parent and a child: whole messages, with deadlines.
//!
//! A message is a tag byte, a length of four bytes (little endian) and that many bytes of JSON.
//! They go through a socket pair rather than two pipes: one descriptor a side, no SIGPIPE, and a
//! trace of read and write shows the experiment alone. Where socketpair(2) is withheld there are
//! two pipes after all; where send(2) and recv(2) are, write(2) and read(2) do on the same socket.
#![expect(
    unsafe_code,
    reason = "socketpair(2) and pipe2(2), of which it is looked whether they made descriptors"
)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFlags, PollTimeout};
use nix::sys::socket::{MsgFlags, recv, send};
use nix::unistd::{read, write};
use serde::{Serialize, de::DeserializeOwned};

use crate::ErrorKind;
use crate::clock::{Deadline, poll_once};
use crate::life::Life;

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

/// Bytes of a message for which memory is taken before they come.
const PIECE: usize = 64 << 10;

/// Why no message came.
#[derive(Debug)]
pub(crate) enum Silence {
    /// The deadline passed.
    Late,
    /// The peer has ended: its end is closed, or it is dead and nothing is left to read.
    Gone,
    /// Something failed.
    Failed(ErrorKind),
    /// Bytes with which no message of this crate begins.
    Garbled,
}

/// One end.
#[derive(Debug)]
pub(crate) struct Link {
    /// A socket, or the end of a pipe that is read.
    input: OwnedFd,
    /// The end of a pipe that is written, where there is no socket.
    output: Option<OwnedFd>,
}

impl Link {
    /// Both ends, close-on-exec and non-blocking.
    ///
    /// # Errors
    /// That of socketpair(2), where pipes are refused as well or would want descriptors that are
    /// not to be had.
    pub(crate) fn pair() -> Result<(Link, Link), Errno> {
        let whole = |input| Link {
            input,
            output: None,
        };
        match socket_pair() {
            Ok([a, b]) => Ok((whole(a), whole(b))),
            Err(errno @ (Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM)) => Err(errno),
            Err(errno) => pipe_pair().map_err(|_| errno),
        }
    }

    /// Sends one message. The end of `peer` is noticed even while another process holds a copy of
    /// its end.
    pub(crate) fn send(
        &self,
        tag: Tag,
        body: &[u8],
        mut peer: Option<&mut Life>,
        deadline: Option<Deadline>,
    ) -> Result<(), Silence> {
        let failed = |errno| Silence::Failed(ErrorKind::System("send", errno));
        let length = u32::try_from(body.len()).map_err(|_| failed(Errno::EMSGSIZE))?;
        let mut message = Vec::with_capacity(5 + body.len());
        message.push(tag as u8);
        message.extend_from_slice(&length.to_le_bytes());
        message.extend_from_slice(body);
        let mut sent = 0;
        let mut ended = false;
        while sent < message.len() {
            match self.put(&message[sent..]) {
                // No stream takes nothing of something.
                Ok(0) => return Err(failed(Errno::UnknownErrno)),
                Ok(count) => sent += count,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if ended => return Err(Silence::Gone),
                Err(Errno::EAGAIN) => {
                    ended = self.wait(PollFlags::POLLOUT, peer.as_deref_mut(), deadline)?;
                }
                Err(Errno::EPIPE | Errno::ECONNRESET) => return Err(Silence::Gone),
                Err(errno) => return Err(failed(errno)),
            }
        }
        Ok(())
    }

    /// Receives one message; `peer` as in [`Link::send`].
    pub(crate) fn recv(
        &self,
        mut peer: Option<&mut Life>,
        deadline: Option<Deadline>,
    ) -> Result<(Tag, Vec<u8>), Silence> {
        let mut head = [0; 5];
        self.fill(&mut head, peer.as_deref_mut(), deadline)?;
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
        // Memory for what comes, and not for what a broken child says that will come.
        let length = u32::from_le_bytes(length) as usize;
        let mut body = Vec::new();
        while body.len() < length {
            let filled = body.len();
            body.resize(length.min(filled + PIECE), 0);
            self.fill(&mut body[filled..], peer.as_deref_mut(), deadline)?;
        }
        Ok((tag, body))
    }

    fn fill(
        &self,
        buffer: &mut [u8],
        mut peer: Option<&mut Life>,
        deadline: Option<Deadline>,
    ) -> Result<(), Silence> {
        let mut filled = 0;
        let mut ended = false;
        while filled < buffer.len() {
            match self.get(&mut buffer[filled..]) {
                Ok(0) | Err(Errno::ECONNRESET) => return Err(Silence::Gone),
                Ok(count) => filled += count,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if ended => return Err(Silence::Gone),
                // A peer that has ended may have sent its last words just before: read once more.
                Err(Errno::EAGAIN) => {
                    ended = self.wait(PollFlags::POLLIN, peer.as_deref_mut(), deadline)?;
                }
                Err(errno) => return Err(Silence::Failed(ErrorKind::System("recv", errno))),
            }
        }
        Ok(())
    }

    /// Waits until this end is ready for `events`, or it is time to try again; says whether the
    /// peer has ended.
    fn wait(
        &self,
        events: PollFlags,
        peer: Option<&mut Life>,
        deadline: Option<Deadline>,
    ) -> Result<bool, Silence> {
        let failed = |errno| Silence::Failed(ErrorKind::System("poll", errno));
        let timeout = match deadline {
            Some(deadline) => deadline.remaining().ok_or(Silence::Late)?,
            None => PollTimeout::NONE,
        };
        let end = match &self.output {
            Some(output) if events == PollFlags::POLLOUT => output,
            _ => &self.input,
        };
        let fds = [(end.as_fd(), events)];
        let Some(peer) = peer else {
            return poll_once(fds.iter(), timeout)
                .map(|_| false)
                .map_err(failed);
        };
        match peer.poll(&fds, timeout).map_err(failed)? {
            Some(_) => Ok(false),
            None => peer.is_over().map_err(Silence::Failed),
        }
    }

    fn put(&self, bytes: &[u8]) -> Result<usize, Errno> {
        if let Some(pipe) = &self.output {
            return write(pipe, bytes);
        }
        let sent = send(self.input.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL);
        match sent {
            Ok(1..) => sent,
            Err(errno) if is_an_answer(errno) => sent,
            _ => write(&self.input, bytes),
        }
    }

    fn get(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        if self.output.is_some() {
            return read(&self.input, buffer);
        }
        let received = recv(self.input.as_raw_fd(), buffer, MsgFlags::empty());
        match received {
            Ok(1..) => received,
            Err(errno) if is_an_answer(errno) => received,
            _ => read(&self.input, buffer),
        }
    }
}

/// Whether a socket says this of itself. Of any other error, and of nothing done, it is asked once
/// more by the calls that serve every file.
fn is_an_answer(errno: Errno) -> bool {
    let answers = [Errno::EAGAIN, Errno::EINTR, Errno::EPIPE, Errno::ECONNRESET];
    answers.contains(&errno)
}

fn socket_pair() -> Result<[OwnedFd; 2], Errno> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: socketpair(2) writes two numbers to the place that it is given and nothing else.
    two_descriptors(|fds| unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds) })
}

/// Two pipes, one for each direction.
fn pipe_pair() -> Result<(Link, Link), Errno> {
    let pipe = || {
        let flags = libc::O_CLOEXEC | libc::O_NONBLOCK;
        // SAFETY: pipe2(2) writes two numbers to the place that it is given and nothing else.
        two_descriptors(|fds| unsafe { libc::pipe2(fds, flags) })
    };
    let [to_a, from_b] = pipe()?;
    let [to_b, from_a] = pipe()?;
    let link = |input, output| Link {
        input,
        output: Some(output),
    };
    Ok((link(to_a, from_a), link(to_b, from_b)))
}

/// The two descriptors that `call` makes.
///
/// # Errors
/// That of the call; `UnknownErrno` where it answers 0 and has made none.
fn two_descriptors(call: impl Fn(*mut libc::c_int) -> libc::c_int) -> Result<[OwnedFd; 2], Errno> {
    let mut fds = [-1; 2];
    Errno::result(call(fds.as_mut_ptr()))?;
    if fds.iter().any(|fd| *fd < 0) {
        return Err(Errno::UnknownErrno);
    }
    // SAFETY: the kernel has just made both, as it has written their numbers; nothing else knows
    // them.
    Ok(fds.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// Readable when the peer has sent something, or has closed its end.
impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
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
