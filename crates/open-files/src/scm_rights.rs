//! Descriptors in messages: `SCM_RIGHTS` over a UNIX socket (unix(7)).
#![expect(
    unsafe_code,
    reason = "the adoption of descriptors that recvmsg has installed"
)]

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};

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
    let mut byte = [0];
    let mut body = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([i32; 1]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut body, Some(&mut space), flags)
        .context("recvmsg SCM_RIGHTS")?;
    // Control data that was cut short: the descriptor did not fit into the table (unix(7)).
    let rights = message
        .cmsgs()
        .map_err(|_| Errno::EMFILE)
        .context("recvmsg SCM_RIGHTS")?;
    for rights in rights {
        if let ControlMessageOwned::ScmRights(fds) = rights
            && let [fd] = fds[..]
        {
            // SAFETY: recvmsg has just installed this descriptor for this call; the message holds
            // its number only, and nobody else has seen it.
            return Ok(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
    bail!("recvmsg: the message carried no descriptor")
}
