//! What else than the holes bounds a request to mmap: RLIMIT_AS and RLIMIT_DATA.

use anyhow::{Context, Result};
use observe::memory::size_after;

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
        let limits = observe::read(format!("/proc/{pid}/limits"))?;
        let status = observe::read(format!("/proc/{pid}/status"))?;
        room(&limits, &status)
            .with_context(|| format!("/proc/{pid}/limits and status are not understood"))
    }
}

fn room(limits: &str, status: &str) -> Option<Room> {
    let left = |limit: &str, used: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(limit))?;
        let used = size_after(status, used)?;
        match line.split_ascii_whitespace().next()? {
            "unlimited" => Some(None),
            soft => Some(Some(soft.parse::<u64>().ok()?.saturating_sub(used))),
        }
    };
    Some(Room {
        address_space: left("Max address space", "VmSize")?,
        data: left("Max data size", "VmData")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tp\nVmPeak:\t 9 kB\nVmSize:\t    2048 kB\nVmData:\t     512 kB\n";

    #[test]
    fn room_of_saved_text() {
        let limits = "\
Limit                     Soft Limit           Hard Limit           Units
Max data size             unlimited            unlimited            bytes
Max address space         3145728              unlimited            bytes
";
        let expected = Room {
            address_space: Some(1 << 20),
            data: None,
        };
        assert_eq!(room(limits, STATUS), Some(expected));
        let exceeded = limits.replace("3145728", "1024000");
        assert_eq!(room(&exceeded, STATUS).unwrap().address_space, Some(0));
        assert_eq!(room(limits, "Name:\tzombie\n"), None);
    }
}
