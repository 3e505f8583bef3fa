//! A network namespace of this process's own, without the packets, counters and ports of others.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};
use operation::NotMeasured;

use crate::error::{UNSHARE_NET, UNSHARE_USER_AND_NET, errno};
use crate::{Error, ErrorKind, Parent};

/// Where the kernel names the network namespace of a process: `net:[INODE]` (namespaces(7)).
const NAMESPACE: &str = "/proc/self/ns/net";

/// What enables a namespace where the call answers 0 and changes nothing.
const NAMESPACES: &str = "use a kernel with network namespaces (Linux with CONFIG_NET_NS), where \
                          no filter answers unshare in its place";

/// The two ways into a namespace, for a process that has the right to make one and for any other.
const WAYS: [(CloneFlags, &str); 2] = [
    (CloneFlags::CLONE_NEWNET, UNSHARE_NET),
    (
        CloneFlags::CLONE_NEWUSER.union(CloneFlags::CLONE_NEWNET),
        UNSHARE_USER_AND_NET,
    ),
];

/// Proof that this process is in a network namespace of its own: what it sets there ends with it,
/// and the host does not see it.
///
/// Only [`Parent::enter_network`] gives it, once the kernel names another namespace than before.
/// To change a setting of the network takes this value, so that a program that would do it to the
/// host does not compile.
#[derive(Debug)]
pub struct OwnNetwork {
    namespace: PathBuf,
}

impl OwnNetwork {
    /// Writes `value` to the setting `name`, which begins with `net.`, spelt as for sysctl(8).
    ///
    /// # Errors
    /// EACCES, EPERM or EROFS where it may not be written; ENOENT where this kernel has none;
    /// EINVAL, and nothing is written, where the name is none of the network's or this process has
    /// left the namespace.
    pub fn set(&self, name: &str, value: u64) -> Result<(), Errno> {
        let number = |e: std::io::Error| errno(&e);
        let is_of_the_network = name.starts_with("net.") && !name.contains('/');
        if !is_of_the_network || namespace().map_err(number)? != self.namespace {
            return Err(Errno::EINVAL);
        }
        let file = format!("/proc/sys/{}", name.replace('.', "/"));
        fs::write(file, value.to_string()).map_err(number)
    }
}

impl Parent {
    /// Moves the calling child, which must have one thread, into a new network namespace whose
    /// loopback is up; where it may not, into a new user namespace with it. The namespace ends with
    /// its last process.
    ///
    /// # Errors
    /// EPERM or ENOSPC where neither is allowed; not measured where unshare(2) answers 0 and does
    /// nothing; the parent has ended.
    pub fn enter_network(&self) -> Result<OwnNetwork, Error> {
        // A process may have the right to make a namespace (CAP_SYS_ADMIN) and none in it
        // (CAP_NET_ADMIN): in a user namespace of its own it has both.
        let [first, second] = WAYS;
        match self.enter(first) {
            Err(error) if matches!(error.kind, ErrorKind::System(_, Errno::EPERM)) => {
                self.enter(second)
            }
            entered => entered,
        }
    }

    /// Gives the calling child a loopback: enters a namespace as [`Parent::enter_network`] does if
    /// the present one has none that is up.
    ///
    /// # Errors
    /// Those of [`Parent::enter_network`].
    pub fn ensure_loopback(&self) -> Result<(), Error> {
        if is_loopback_up() {
            return Ok(());
        }
        self.enter_network().map(drop)
    }

    fn enter(&self, (flags, call): (CloneFlags, &'static str)) -> Result<OwnNetwork, Error> {
        let system = |call, errno| self.error(ErrorKind::System(call, errno));
        let name = || namespace().map_err(|e| system("read /proc/self/ns/net", errno(&e)));
        let before = name()?;
        let here = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0));
        unshare(flags).map_err(|errno| system(call, errno))?;
        let namespace = name()?;
        if namespace == before && !here.is_ok_and(|socket| is_left_behind(&socket)) {
            let why = format!(
                "{call} did nothing: this kernel has no network namespaces of its own (still in \
                 {})",
                before.display()
            );
            let lacking = NotMeasured::new(why, NAMESPACES);
            return Err(self.error(ErrorKind::Lacking(lacking)));
        }
        // Entering a user namespace has dropped the bond to the parent's life.
        self.bind()?;
        // gVisor has it up from the start.
        if !is_loopback_up() {
            set_loopback_up().map_err(|errno| system("bring the loopback up", errno))?;
        }
        if !is_loopback_up() {
            let what = "rtnetlink brought the loopback up, and there is no way to 127.0.0.1";
            return Err(self.error(ErrorKind::Unexpected(what.to_owned())));
        }
        Ok(OwnNetwork { namespace })
    }
}

fn namespace() -> std::io::Result<PathBuf> {
    fs::read_link(NAMESPACE)
}

/// Whether `socket`, which is bound, belongs to another network namespace than the one where this
/// process is now: its port is free here. So it is known on a kernel that gives every process's
/// namespace a name of its own, which stays the same (gVisor).
fn is_left_behind(socket: &UdpSocket) -> bool {
    let again = socket.local_addr().and_then(UdpSocket::bind);
    again.is_ok()
}

/// Whether there is a way to 127.0.0.1: connect(2) of a UDP socket looks for it and sends nothing.
fn is_loopback_up() -> bool {
    let there = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
        .and_then(|socket| socket.connect((Ipv4Addr::LOCALHOST, 9)));
    there.map_or_else(|e| errno(&e) != Errno::ENETUNREACH, |()| true)
}

/// rtnetlink(7): RTM_NEWLINK for interface 1, the loopback, with IFF_UP set.
fn set_loopback_up() -> Result<(), Errno> {
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
    if sendto(fd, &request, &NetlinkAddr::new(0, 0), MsgFlags::empty())? != request.len() {
        return Err(Errno::UnknownErrno);
    }
    // The answer, which is there when the request is taken, is a struct nlmsghdr and the negative
    // error number, 0 for done.
    let mut answer = [0; 256];
    let length = recv(fd, &mut answer, MsgFlags::MSG_DONTWAIT)?;
    match answer.get(16..20).filter(|_| length >= 20) {
        Some(code) => {
            let mut number = [0; 4];
            number.copy_from_slice(code);
            match i32::from_ne_bytes(number) {
                0 => Ok(()),
                error => Err(Errno::from_raw(error.saturating_neg())),
            }
        }
        None => Err(Errno::UnknownErrno),
    }
}
