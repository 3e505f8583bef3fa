//! How much memory there is to use: asked before anything large is mapped.

use nix::errno::Errno;
use nix::sys::sysinfo::sysinfo;

use crate::{Error, cgroup, meminfo};

/// Bytes that can be had without pushing the machine or the cgroup into reclaim: MemAvailable of
/// proc_meminfo(5), less where a cgroup (v2 or v1) of this process has a limit. Where /proc shows
/// no such file or line, the memory that is free (sysinfo(2)), which is less.
///
/// # Errors
/// That of reading /proc/meminfo, where sysinfo is refused, too.
pub fn available_memory() -> Result<u64, Error> {
    let shown = meminfo::read().and_then(|info| {
        let missing = || Error::no_data("find MemAvailable in /proc/meminfo");
        info.available.ok_or_else(missing)
    });
    let machine = shown.or_else(|hidden| free_memory().map_err(|_| hidden))?;
    Ok(cgroup::memory_left().map_or(machine, |left| left.min(machine)))
}

fn free_memory() -> Result<u64, Errno> {
    Ok(sysinfo()?.ram_unused())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the memory that is free the kernel keeps a reserve, and what is available counts caches:
    /// so the two are compared with the whole.
    #[test]
    fn free_memory_is_a_part_of_all() {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let total = kib.unwrap().parse::<u64>().unwrap() * 1024;
        let free = free_memory().unwrap();
        assert!(0 < free && free <= total, "{free} of {total}");
        assert!(available_memory().unwrap() <= total);
    }
}
