//! How much memory there is to use: asked before anything large is mapped.

use crate::{Error, cgroup, meminfo};

/// Bytes that can be had without pushing the machine or the cgroup into reclaim: MemAvailable of
/// proc_meminfo(5), less where a cgroup (v2 or v1) of this process has a limit.
///
/// # Errors
/// That of reading /proc/meminfo; ENODATA where it has no such line.
pub fn available_memory() -> Result<u64, Error> {
    let machine = meminfo::read()?.available;
    let machine = machine.ok_or_else(|| Error::no_data("find MemAvailable in /proc/meminfo"))?;
    Ok(cgroup::memory_left().map_or(machine, |left| left.min(machine)))
}
