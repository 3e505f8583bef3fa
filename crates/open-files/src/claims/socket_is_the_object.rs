//! The socket is the object: one inode, one cookie, one queue, however many descriptors.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;

use anyhow::{Context, Result, ensure};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{MsgFlags, recv};
use observe::socket::inode_and_cookie;
use serde::{Deserialize, Serialize};
use socket2::SockRef;

use super::FORK;
use crate::evidence::{Place, has_input, is_own_child, status_flags};
use crate::scm_rights;

const INODES: Quantity = Name("inodes behind 3 descriptors in 2 processes").count(1, 3);
const COOKIES: Quantity = Name("cookies behind 3 descriptors in 2 processes").count(1, 3);
const QUEUE: Quantity = Name("messages left of 2 after the child received one").count(1, 2);
const OPTION: Quantity = Name("SO_RCVBUF, halved by the child").word("changed", "unchanged");
const NONBLOCK: Quantity = Name("O_NONBLOCK, set by the child").word("changed", "unchanged");

const SEND: Act = Does("sends two messages to the socket")
    .call("write", "\"second\", 6")
    .shown_by("poll, which finds the socket readable");
const DUPLICATE: Act = Does("duplicates the descriptor of the socket")
    .call("fcntl", "F_DUPFD_CLOEXEC")
    .shown_by("getpeername tells its peer; a new socket has none")
    .in_control(InControl::Instead("socket", "AF_UNIX, SOCK_DGRAM"));
const INHERIT: Act = Does("uses the descriptor that it inherited, and makes no socket")
    .in_memory()
    .by("user")
    .shown_by("its number is the parent's, and /proc/CHILD/fd has a socket there")
    .in_control(InControl::Not);
const RECEIVE: Act = Does("receives the first message")
    .call("recvfrom", "\"first\"")
    .by("user")
    .shown_by("its text, which the child sends to its parent")
    .in_control(InControl::Instead("recvfrom", "MSG_DONTWAIT … EAGAIN"));
const SET_OPTION: Act = Does("halves the receive buffer")
    .call("setsockopt", "SO_RCVBUF")
    .by("user")
    .shown_by("SO_RCVBUF, asked through the child's own descriptor");
const SET_FLAG: Act = Does("sets O_NONBLOCK")
    .call("fcntl", "F_SETFL … O_NONBLOCK")
    .by("user")
    .shown_by("O_NONBLOCK in /proc/CHILD/fdinfo of its descriptor");

pub(super) const CLAIM: Claim = Claim {
    id: "socket-is-the-object",
    statement: "A socket is the object behind its descriptors, as an inode is behind a file's: \
                after dup and fork there is one inode number, one cookie, one receive queue, one \
                set of options and one of status flags.",
    measures: "Holds one UNIX datagram socket by a descriptor, a duplicate and a child's inherited \
               descriptor; compares inode numbers and cookies, sends two messages of which the \
               child receives one, and lets the child set a socket option and a status flag.",
    control: "duplicate and child have a socket of their own each",
    notes: &[3, 4, 8],
    example: Some("socket_through_fork"),
    acts: &[
        SEND, DUPLICATE, FORK, INHERIT, RECEIVE, SET_OPTION, SET_FLAG,
    ],
    man: &["socket(7)", "unix(7)", "fork(2)"],
    quantities: &[INODES, COOKIES, QUEUE, OPTION, NONBLOCK],
    measure,
    ..Claim::DEFAULT
};

const FIRST: &str = "first";
const SECOND: &str = "second";

/// What identifies a socket: inode number and cookie, where the kernel has one.
type Identity = (u64, Option<u64>);

/// What the child tells of what it did.
#[derive(Serialize, Deserialize)]
struct Used {
    fd: RawFd,
    identity: Identity,
    received: Option<String>,
    halved: bool,
}

fn measure(arm: Arm) -> Result<Reading> {
    let (socket, peer) = scm_rights::pair()?;
    let (socket, peer) = (UnixDatagram::from(socket), UnixDatagram::from(peer));
    for message in [FIRST, SECOND] {
        peer.send(message.as_bytes()).context("send")?;
    }
    let sent = has_input(&socket)?;
    let before = (receive_buffer(&socket)?, status_flags(&socket)?);
    let duplicate: UnixDatagram = match arm {
        Arm::Experiment => OwnedFd::from(scratch::duplicate(&socket)?).into(),
        Arm::Control => UnixDatagram::unbound().context("socket")?,
    };
    let mut user = child::fork("user", |parent| {
        let own;
        let its = match arm {
            Arm::Experiment => &socket,
            Arm::Control => {
                own = UnixDatagram::unbound().context("socket")?;
                &own
            }
        };
        parent.send(&use_socket(its)?)?;
        Ok(parent.checkpoint()?)
    })?;
    let used: Used = user.recv()?;
    user.at_checkpoint()?;
    let its = Place {
        pid: user.pid(),
        fd: used.fd,
    };
    let is_socket = its.is("socket:")?;
    let reading = Reading::kernel()
        .act(&SEND, sent)
        .act(&DUPLICATE, duplicate.peer_addr().is_ok())
        .act(&FORK, is_own_child(its.pid)?)
        .act(&INHERIT, its.fd == socket.as_raw_fd() && is_socket)
        .act(&RECEIVE, used.received.as_deref() == Some(FIRST))
        .act(&SET_OPTION, used.halved)
        .act(&SET_FLAG, its.has_flag(OFlag::O_NONBLOCK)?);
    user.release()?;
    user.join()?;

    let identities = [
        inode_and_cookie(&socket)?,
        inode_and_cookie(&duplicate)?,
        used.identity,
    ];
    let changed = |changed| if changed { "changed" } else { "unchanged" };
    let reading = compare_cookies(reading, identities.map(|(_, cookie)| cookie));
    Ok(reading
        .with(&INODES, count_distinct(identities.map(|(inode, _)| inode)))
        .with(&OPTION, changed(receive_buffer(&socket)? != before.0))
        .with(&NONBLOCK, changed(status_flags(&socket)? != before.1))
        .with(&QUEUE, drain(&socket)?)
        .note(
            "open(2) of a socket through /proc/self/fd/N is refused (ENXIO), so one open file \
             description reads and writes it (O_PATH may add others, which hold its inode alone): \
             options live in the socket, O_NONBLOCK in that description",
        ))
}

/// Counts the cookies, where the kernel has such.
fn compare_cookies(reading: Reading, cookies: [Option<u64>; 3]) -> Reading {
    match cookies {
        [None, None, None] => reading.leave_out(
            "this kernel gives its sockets no number for life (SO_COOKIE: ENOPROTOOPT)",
            &[COOKIES],
            &[],
        ),
        cookies => reading.with(&COOKIES, count_distinct(cookies)),
    }
}

/// What the child does with its descriptor: one flag, one message, one option.
fn use_socket(socket: &UnixDatagram) -> Result<Used> {
    let flags = status_flags(socket)? | OFlag::O_NONBLOCK;
    fcntl(socket, FcntlArg::F_SETFL(flags)).context("fcntl F_SETFL")?;
    let received = receive(socket)?;
    // Half of what getsockopt tells: the kernel doubles what it is given (socket(7)).
    let size = receive_buffer(socket)?;
    SockRef::from(socket)
        .set_recv_buffer_size(size / 4)
        .context("setsockopt SO_RCVBUF")?;
    Ok(Used {
        fd: socket.as_raw_fd(),
        identity: inode_and_cookie(socket)?,
        received,
        halved: receive_buffer(socket)? < size,
    })
}

/// Takes one message; none where none waits.
fn receive(socket: &UnixDatagram) -> Result<Option<String>> {
    let mut message = [0; 16];
    match recv(socket.as_raw_fd(), &mut message, MsgFlags::MSG_DONTWAIT) {
        Ok(length) => {
            let text = String::from_utf8_lossy(&message[..length]);
            Ok(Some(text.into_owned()))
        }
        Err(Errno::EAGAIN) => Ok(None),
        Err(errno) => Err(errno).context("recv"),
    }
}

/// Counts the messages that are left. One of no bytes was never sent.
fn drain(socket: &UnixDatagram) -> Result<u64> {
    let mut count = 0;
    while let Some(message) = receive(socket)? {
        ensure!(!message.is_empty(), "recv: a message of no bytes");
        count += 1;
    }
    Ok(count)
}

fn receive_buffer(socket: &UnixDatagram) -> Result<usize> {
    SockRef::from(socket)
        .recv_buffer_size()
        .context("getsockopt SO_RCVBUF")
}

fn count_distinct<T: Ord>(mut all: [T; 3]) -> usize {
    all.sort_unstable();
    1 + usize::from(all[0] != all[1]) + usize::from(all[1] != all[2])
}
