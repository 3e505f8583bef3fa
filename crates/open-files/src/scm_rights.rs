//! Descriptors in messages: `SCM_RIGHTS` over a UNIX socket (unix(7)).
#![expect(
    unsafe_code,
    reason = "socketpair(2), whose wrappers believe every answer"
)]

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use observe::Error;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};

/// A connected pair of UNIX datagram sockets.
///
/// # Errors
/// That of socketpair(2); none where it answers that it was done, and no descriptor is there.
pub fn pair() -> Result<(OwnedFd, OwnedFd)> {
    const NONE: RawFd = -1;
    let mut numbers = [NONE; 2];
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
    // SAFETY: the kernel writes two numbers into the array, which lives until the call returns.
    let made = unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, numbers.as_mut_ptr()) };
    Errno::result(made).context("socketpair")?;
    let [first, second] = numbers;
    if first == second || numbers.contains(&NONE) {
        return Err(Error::without_errno("socketpair made no descriptors").into());
    }
    // SAFETY: the kernel has just made both for this call, and nobody else knows their numbers.
    Ok(unsafe { (OwnedFd::from_raw_fd(first), OwnedFd::from_raw_fd(second)) })
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
