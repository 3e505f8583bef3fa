//! Namespaces of a rung's own, and what is set inside them.
//!
//! unshare(2) is not believed: a namespace counts as new when its inode in /proc/self/ns is another
//! one than before, and nothing is written or mounted otherwise.
#![expect(unsafe_code, reason = "ioctl(2), to raise the loopback")]

use std::fs;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::{getegid, geteuid};
use rustix::mount::{MountPropagationFlags, mount_change};

/// The namespaces that rungs use, by their names in /proc/self/ns.
const KNOWN: [(CloneFlags, &str); 3] = [
    (CloneFlags::CLONE_NEWUSER, "user"),
    (CloneFlags::CLONE_NEWNS, "mnt"),
    (CloneFlags::CLONE_NEWNET, "net"),
];

/// Which namespaces this process has made.
static OWN: OnceLock<CloneFlags> = OnceLock::new();

/// Moves this process into new namespaces. In a new user namespace it is root, which keeps its
/// capabilities there through exec(2); in a new mount namespace nothing that is mounted reaches
/// others.
///
/// # Errors
/// EPERM, ENOSPC; a namespace that is not new although unshare(2) said so.
pub(super) fn enter(flags: CloneFlags) -> Result<()> {
    let (user, group) = (geteuid(), getegid());
    let before = KNOWN.map(|(_, name)| namespace(name));
    unshare(flags).with_context(|| format!("unshare {flags:?}"))?;
    for ((flag, name), before) in KNOWN.into_iter().zip(before) {
        if flags.contains(flag) && namespace(name)? == before? {
            bail!("unshare said that the {name} namespace is new, and it is the same");
        }
    }
    if flags.contains(CloneFlags::CLONE_NEWUSER) {
        fs::write("/proc/self/setgroups", "deny").context("write setgroups")?;
        fs::write("/proc/self/uid_map", format!("0 {user} 1")).context("write uid_map")?;
        fs::write("/proc/self/gid_map", format!("0 {group} 1")).context("write gid_map")?;
    }
    if flags.contains(CloneFlags::CLONE_NEWNS) {
        let apart = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
        mount_change("/", apart).context("mount --make-rprivate /")?;
    }
    ensure!(
        OWN.set(flags).is_ok(),
        "a rung makes its namespaces in one step"
    );
    Ok(())
}

/// Makes a PID namespace for the children of this process.
///
/// # Errors
/// As [`enter`].
pub(super) fn enter_process_ids() -> Result<()> {
    let name = "pid_for_children";
    let before = namespace(name)?;
    unshare(CloneFlags::CLONE_NEWPID).context("unshare CLONE_NEWPID")?;
    // There is none to be read until its first process is made (pid_namespaces(7)).
    let is_same = namespace(name).is_ok_and(|after| after == before);
    ensure!(
        !is_same,
        "unshare said that the PID namespace is new, and it is the same"
    );
    Ok(())
}

/// Takes over what an earlier process of the same rung has made.
pub(super) fn inherit(flags: CloneFlags) {
    let _ = OWN.set(flags);
}

/// Makes sure that what is mounted here is seen by this rung alone.
///
/// # Errors
/// The rung has no mount namespace of its own.
pub(super) fn require_own_mounts() -> Result<()> {
    require(CloneFlags::CLONE_NEWNS, "mount")
}

fn require(flag: CloneFlags, name: &str) -> Result<()> {
    let own = OWN.get().is_some_and(|own| own.contains(flag));
    ensure!(own, "the {name} namespace is not this rung's own");
    Ok(())
}

/// Sets `name` below /proc/sys/net of this rung's own network namespace.
///
/// # Errors
/// The namespace is the host's; there is no such setting; the value is not taken.
pub(super) fn set(name: &str, value: &str) -> Result<()> {
    require(CloneFlags::CLONE_NEWNET, "network")?;
    let path = PathBuf::from("/proc/sys/net").join(name);
    fs::write(&path, value).with_context(|| format!("write {value} to {}", path.display()))
}

/// Raises the loopback of this rung's own network namespace (netdevice(7), SIOCSIFFLAGS).
///
/// # Errors
/// The namespace is the host's; EPERM.
pub(super) fn raise_loopback() -> Result<()> {
    require(CloneFlags::CLONE_NEWNET, "network")?;
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .context("socket")?;
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_flags: (libc::IFF_UP | libc::IFF_LOOPBACK) as libc::c_short,
        },
    };
    for (place, byte) in request.ifr_name.iter_mut().zip(b"lo") {
        *place = *byte as libc::c_char;
    }
    // SAFETY: SIOCSIFFLAGS reads a struct ifreq, whose name ends with a zero and whose flags are
    // set above; it lives until the call returns.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &request) };
    Errno::result(answer)
        .map(drop)
        .context("raise the loopback")
}

/// What identifies this process's namespace: a link such as `net:[4026531840]`.
fn namespace(name: &str) -> Result<PathBuf> {
    let path = format!("/proc/self/ns/{name}");
    fs::read_link(&path).context(path)
}
