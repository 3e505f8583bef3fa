//! The mounts that the mapped processes see, each namespace read once.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::fd::AsRawFd;

use nix::sys::memfd::{MFdFlags, memfd_create};
use observe::{fdinfo, mountinfo};

use crate::facts::Facts;

/// Mounts by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Mounts {
    by_id: HashMap<i64, Known>,
    namespaces: HashSet<OsString>,
    /// The kernel's own mount on which memfds lie, once it has been asked for.
    memfd: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    device: (u32, u32),
    is_local: bool,
}

impl Mounts {
    /// Reads those of the mount namespace of `pid`, unless it was read before.
    pub(crate) fn add(&mut self, pid: i32) {
        let namespace = std::fs::read_link(format!("/proc/{pid}/ns/mnt"));
        let namespace = namespace.unwrap_or_default().into_os_string();
        if !self.namespaces.insert(namespace) {
            return;
        }
        for mount in mountinfo::read(pid).unwrap_or_default() {
            let known = Known {
                device: mount.device,
                is_local: mount.is_local(),
            };
            self.by_id.insert(mount.id, known);
        }
    }

    /// The device of what lies on a mount; none for a mount of the kernel's own, on which sockets
    /// and pipes lie, and for one that nobody sees any more.
    pub(crate) fn device(&self, mount: Option<i64>) -> Option<(u32, u32)> {
        Some(self.by_id.get(&mount?)?.device)
    }

    /// Whether a copy of the descriptor may be closed without waiting for anybody: close(2) hands
    /// `flush` to the file system, whose server may be stuck.
    pub(crate) fn may_close_copy(&mut self, facts: &Facts) -> bool {
        if facts.is_o_path() || !facts.has_path() {
            return true;
        }
        let Some(mount) = facts.info.mount else {
            return false;
        };
        match self.by_id.get(&mount) {
            Some(known) => known.is_local,
            None => Some(mount) == self.memfd(),
        }
    }

    fn memfd(&mut self) -> Option<i64> {
        let mount = || {
            let memfd = memfd_create(c"mount", MFdFlags::MFD_CLOEXEC).ok()?;
            let own = std::process::id() as i32;
            fdinfo::read(own, memfd.as_raw_fd()).ok()?.mount
        };
        self.memfd = self.memfd.or_else(mount);
        self.memfd
    }
}
