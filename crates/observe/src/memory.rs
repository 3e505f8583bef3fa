//! How much memory there is to use, and how many mappings: asked before anything large is mapped.

use std::path::Path;

use nix::errno::Errno;

use crate::{Error, read};

/// Bytes that can be had without pushing the machine or the cgroup into reclaim: MemAvailable of
/// proc_meminfo(5), less where a cgroup (v2 or v1) of this process has a limit.
///
/// # Errors
/// That of reading /proc/meminfo; ENODATA where it has no such line.
pub fn available_memory() -> Result<u64, Error> {
    let text = read("/proc/meminfo")?;
    let machine = size_after(&text, "MemAvailable")
        .ok_or_else(|| Error::new("find MemAvailable in /proc/meminfo", Errno::ENODATA))?;
    Ok(cgroup_rest().map_or(machine, |rest| rest.min(machine)))
}

/// The value of a line of /proc/meminfo, or of one of /proc/PID/status that has a size, in bytes.
pub fn size_after(text: &str, key: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Mappings that a process may have: vm.max_map_count (proc_sys_vm(5)).
///
/// # Errors
/// That of reading the file; ENODATA where it holds no number.
pub fn most_mappings() -> Result<u64, Error> {
    let path = "/proc/sys/vm/max_map_count";
    let most = read(path)?.trim().parse();
    most.map_err(|_| Error::new(format!("find a number in {path}"), Errno::ENODATA))
}

/// What the memory cgroups of this process leave, the tightest of the path up to the root.
fn cgroup_rest() -> Option<u64> {
    let own = read("/proc/self/cgroup").ok()?;
    let mut rest: Option<u64> = None;
    for line in own.lines() {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let (root, limit, usage) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max", "memory.current")
        } else if controllers.split(',').any(|name| name == "memory") {
            (
                "/sys/fs/cgroup/memory",
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
            )
        } else {
            continue;
        };
        // In a container the path may be the host's and not be there: its ancestors are tried, too.
        for group in Path::new(path).ancestors() {
            let directory = format!("{root}{}", group.display());
            let number = |file: &str| -> Option<u64> {
                let text = read(format!("{directory}/{file}")).ok()?;
                text.trim().parse().ok()
            };
            if let (Some(limit), Some(usage)) = (number(limit), number(usage)) {
                let left = limit.saturating_sub(usage);
                rest = Some(rest.map_or(left, |rest| rest.min(left)));
            }
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_lines() {
        let text = "MemTotal:       24684084 kB\nMemFree:  1 kB\nMemAvailable:   24355500 kB\n";
        assert_eq!(size_after(text, "MemAvailable"), Some(24_355_500 * 1024));
        assert_eq!(size_after(text, "Mem"), None);
        assert_eq!(size_after("MemFree: many kB", "MemFree"), None);
    }
}
