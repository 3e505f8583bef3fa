//! The socket is the object: one inode, one cookie, one queue, however many descriptors.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;

use anyhow::{Context, Result};
use claim::{Arm, Claim, Name, Quantity, Reading};
use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use socket2::SockRef;

const INODES: Quantity = Name("inodes behind 3 descriptors in 2 processes").count(1, 3);
const COOKIES: Quantity = Name("cookies behind 3 descriptors in 2 processes").count(1, 3);
const QUEUE: Quantity = Name("messages left of 2 after the child received one").count(1, 2);
const OPTION: Quantity = Name("SO_RCVBUF, halved by the child").word("changed", "unchanged");
const NONBLOCK: Quantity = Name("O_NONBLOCK, set by the child").word("changed", "unchanged");

pub(super) const CLAIM: Claim = Claim {
    id: "socket-is-the-object",
    statement: "A socket is the object behind its descriptors, as an inode is behind a file's: \
                after dup and fork there is one inode number, one cookie, one receive queue and \
                one set of options.",
    measures: "Holds one UNIX datagram socket by a descriptor, a duplicate and a child's inherited \
               descriptor; compares inode numbers and cookies, sends two messages of which the \
               child receives one, and lets the child set a socket option and a status flag.",
    control: "duplicate and child have a socket of their own each",
    notes: &[3, 4, 8],
    syscalls: &[
        "socketpair",
        "dup",
        "fork",
        "fstat",
        "getsockopt",
        "setsockopt",
        "recvfrom",
    ],
    man: &["socket(7)", "unix(7)", "fork(2)"],
    quantities: &[INODES, COOKIES, QUEUE, OPTION, NONBLOCK],
    measure,
    ..Claim::DEFAULT
};

/// What identifies a socket: inode number and cookie.
type Identity = (u64, u64);

fn measure(arm: Arm) -> Result<Reading> {
    let (socket, peer) = UnixDatagram::pair().context("socketpair")?;
    let another = || -> Result<UnixDatagram> {
        match arm {
            Arm::Experiment => Ok(OwnedFd::from(scratch::duplicate(&socket)?).into()),
            Arm::Control => Ok(UnixDatagram::unbound()?),
        }
    };
    peer.send(b"first").context("send")?;
    peer.send(b"second").context("send")?;
    let before = (receive_buffer(&socket)?, status_flags(&socket)?);

    let duplicate = another()?;
    let user = child::fork("user", |_| Ok(use_socket(&another()?)?))?;
    let identities = [identity(&socket)?, identity(&duplicate)?, user.join()?];

    let changed = |changed| if changed { "changed" } else { "unchanged" };
    Ok(Reading::kernel()
        .with(&INODES, count_distinct(identities.map(|(inode, _)| inode)))
        .with(
            &COOKIES,
            count_distinct(identities.map(|(_, cookie)| cookie)),
        )
        .with(&OPTION, changed(receive_buffer(&socket)? != before.0))
        .with(&NONBLOCK, changed(status_flags(&socket)? != before.1))
        .with(&QUEUE, drain(&socket)?)
        .note(
            "a socket cannot be opened again through /proc/self/fd/N (ENXIO), so it has one open \
             file description for life: options live in the socket, O_NONBLOCK in that description",
        ))
}

/// What the child does with its descriptor: one message, one option, one flag.
fn use_socket(socket: &UnixDatagram) -> Result<Identity> {
    let flags = OFlag::from_bits_retain(status_flags(socket)?) | OFlag::O_NONBLOCK;
    fcntl(socket, FcntlArg::F_SETFL(flags)).context("fcntl F_SETFL")?;
    receive(socket)?;
    // Half of what getsockopt tells: the kernel doubles what it is given (socket(7)).
    let size = receive_buffer(socket)?;
    SockRef::from(socket)
        .set_recv_buffer_size(size / 4)
        .context("setsockopt SO_RCVBUF")?;
    identity(socket)
}

/// Takes one message; false where none waits.
fn receive(socket: &UnixDatagram) -> Result<bool> {
    match socket.recv(&mut [0; 16]) {
        Ok(_) => Ok(true),
        Err(e) if e.raw_os_error().map(Errno::from_raw) == Some(Errno::EAGAIN) => Ok(false),
        Err(e) => Err(e).context("recv"),
    }
}

fn drain(socket: &UnixDatagram) -> Result<u64> {
    socket.set_nonblocking(true).context("fcntl O_NONBLOCK")?;
    let mut count = 0;
    while receive(socket)? {
        count += 1;
    }
    Ok(count)
}

fn identity(socket: &UnixDatagram) -> Result<Identity> {
    let observe::socket::Identity { inode, cookie } = observe::socket::identity(socket)?;
    Ok((inode, cookie))
}

fn receive_buffer(socket: &UnixDatagram) -> Result<usize> {
    SockRef::from(socket)
        .recv_buffer_size()
        .context("getsockopt SO_RCVBUF")
}

fn status_flags(socket: &UnixDatagram) -> Result<i32> {
    fcntl(socket, FcntlArg::F_GETFL).context("fcntl F_GETFL")
}

fn count_distinct(mut all: [u64; 3]) -> usize {
    all.sort_unstable();
    1 + usize::from(all[0] != all[1]) + usize::from(all[1] != all[2])
}
