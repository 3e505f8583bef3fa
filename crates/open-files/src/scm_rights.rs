//! Descriptors in messages: `SCM_RIGHTS` over a UNIX socket (unix(7)).

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair,
};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};

/// A connected pair of UNIX datagram sockets.
pub fn pair() -> Result<(OwnedFd, OwnedFd)> {
    let kind = SockType::Datagram;
    socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC).context("socketpair")
}

/// Sends a reference to the description behind `fd`.
pub fn send(socket: &OwnedFd, fd: &impl AsRawFd) -> Result<()> {
    let fds = [fd.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&fds)];
    let body = [IoSlice::new(b"x")];
    sendmsg::<()>(socket.as_raw_fd(), &body, &rights, MsgFlags::empty(), None)
        .context("sendmsg SCM_RIGHTS")?;
    Ok(())
}

/// Receives a descriptor; fails at once where no message waits.
pub fn receive(socket: &OwnedFd) -> Result<OwnedFd> {
    const CALL: &str = "recvmsg SCM_RIGHTS";
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let message = recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut byte)],
        &mut rights,
        flags,
    )
    .map_err(|errno| Errno::from_raw(errno.raw_os_error()))
    .context(CALL)?;
    if message.flags.contains(ReturnFlags::CTRUNC) {
        // Cut short: the descriptor did not fit into the table (unix(7)).
        return Err(Errno::EMFILE).context(CALL);
    }
    let received = rights.drain().find_map(|part| match part {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    match received {
        Some(descriptor) => Ok(descriptor),
        None => bail!("recvmsg: the message carried no descriptor"),
    }
}
