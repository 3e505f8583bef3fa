//! What else than the holes bounds a request to mmap: RLIMIT_AS and RLIMIT_DATA.

use anyhow::{Context, Result};
use observe::limits::{self, Limits};
use observe::status::{self, Status};

/// Room under each limit, in bytes; `None` where it is not set. mm/mmap.c, may_expand_vm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// Under RLIMIT_AS, beside VmSize.
    pub address_space: Option<u64>,
    /// Under RLIMIT_DATA, beside VmData: private writable mappings only (getrlimit(2)).
    pub data: Option<u64>,
}

impl Room {
    /// That of process `pid`.
    ///
    /// # Errors
    /// /proc/PID/limits or /proc/PID/status cannot be read, or has no such line (the process ended).
    pub fn of(pid: i32) -> Result<Room> {
        let (limits, status) = (limits::read(pid)?, status::of(pid)?);
        room(limits, &status).with_context(|| format!("/proc/{pid}/status has no VmSize"))
    }
}

fn room(limits: Limits, status: &Status) -> Option<Room> {
    let left = |limit: Option<u64>, used_kib: u64| {
        limit.map(|limit| limit.saturating_sub(used_kib.saturating_mul(1024)))
    };
    Some(Room {
        address_space: left(limits.address_space, status.virtual_kib?),
        data: left(limits.data, status.data_kib?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_is_left_under_a_limit() {
        let status = status::parse("VmPeak:\t 9 kB\nVmSize:\t    2048 kB\nVmData:\t     512 kB\n");
        let mut limits = Limits {
            address_space: Some(3 << 20),
            data: None,
        };
        let expected = Room {
            address_space: Some(1 << 20),
            data: None,
        };
        assert_eq!(room(limits, &status), Some(expected));
        limits.address_space = Some(1_024_000);
        assert_eq!(room(limits, &status).unwrap().address_space, Some(0));
        assert_eq!(room(limits, &status::parse("Name:\tzombie\n")), None);
    }
}
