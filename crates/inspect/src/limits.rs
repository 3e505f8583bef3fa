//! The limits that bound a request to mmap beside the holes: RLIMIT_AS and RLIMIT_DATA.

use observe::limits::{self, Limits};
use observe::status::{self, Status};

use super::Error;

/// Room under each limit, in bytes; `None` where it is not set. mm/mmap.c, may_expand_vm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Room {
    /// Under RLIMIT_AS, beside VmSize.
    pub address_space: Option<u64>,
    /// Under RLIMIT_DATA, beside VmData: private writable mappings only (getrlimit(2)).
    pub data: Option<u64>,
}

impl Room {
    /// Reads the room that process `pid` has. A process that has ended has no such line.
    pub fn read(pid: i32) -> Result<Room, Error> {
        let (limits, status) = (limits::read(pid)?, status::read(pid)?);
        room(limits, &status).ok_or_else(|| Error::NotFound {
            file: format!("/proc/{pid}/status"),
            what: "VmSize",
        })
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
