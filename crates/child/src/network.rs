//! A network namespace of this process's own, without the packets, counters and ports of others.

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

use crate::error::{UNSHARE_NET, UNSHARE_USER_AND_NET};
use crate::{Error, ErrorKind, Parent};

impl Parent {
    /// Moves the calling child, which must have one thread, into a new network namespace whose
    /// loopback is up; where it may not, into a new user namespace with it. The namespace ends with
    /// its last process.
    ///
    /// # Errors
    /// EPERM or ENOSPC where neither is allowed; the parent has ended.
    pub fn enter_network(&self) -> Result<(), Error> {
        let system = |call| move |errno| self.error(ErrorKind::System(call, errno));
        match unshare(CloneFlags::CLONE_NEWNET) {
            Err(Errno::EPERM) => unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
                .map_err(system(UNSHARE_USER_AND_NET))?,
            unshared => unshared.map_err(system(UNSHARE_NET))?,
        }
        // Entering a user namespace has dropped the bond to the parent's life.
        self.bind()?;
        loopback_up().map_err(system("bring the loopback up"))
    }
}

/// rtnetlink(7): RTM_NEWLINK for interface 1, the loopback, with IFF_UP set.
fn loopback_up() -> Result<(), Errno> {
    const LENGTH: u32 = 16 + 16;
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
    let up = libc::IFF_UP as u32;
    let mut request = Vec::with_capacity(LENGTH as usize);
    // struct nlmsghdr: length, type, flags, sequence, port.
    request.extend(LENGTH.to_ne_bytes());
    request.extend(libc::RTM_NEWLINK.to_ne_bytes());
    request.extend(flags.to_ne_bytes());
    request.extend([0; 8]);
    // struct ifinfomsg: family, padding, type, index, flags, which flags to change.
    request.extend([0; 4]);
    request.extend(1_i32.to_ne_bytes());
    request.extend(up.to_ne_bytes());
    request.extend(up.to_ne_bytes());
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    let fd = socket.as_raw_fd();
    sendto(fd, &request, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    // The answer is a struct nlmsghdr and the negative error number, 0 for done.
    let mut answer = [0; 256];
    let length = recv(fd, &mut answer, MsgFlags::empty())?;
    match answer.get(16..20).filter(|_| length >= 20) {
        Some(code) => {
            let mut number = [0; 4];
            number.copy_from_slice(code);
            match i32::from_ne_bytes(number) {
                0 => Ok(()),
                error => Err(Errno::from_raw(error.saturating_neg())),
            }
        }
        None => Err(Errno::EBADMSG),
    }
}
