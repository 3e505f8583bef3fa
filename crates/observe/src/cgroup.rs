//! Control groups, v2 and v1: the memory that they leave to a process, the CPU time that they count
//! (cgroups(7), Documentation/admin-guide/cgroup-v2.rst).

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Error, read_text};

/// One line of `/proc/PID/cgroup`: a hierarchy and the group in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Controllers of a v1 hierarchy; none for v2, the unified one.
    pub controllers: Vec<String>,
    /// The group's path from the root of the hierarchy.
    pub path: PathBuf,
}

/// The control groups of process `pid`.
///
/// # Errors
/// ENOENT where no such process exists or the kernel has no control groups.
pub fn read(pid: i32) -> Result<Vec<Membership>, Error> {
    Ok(parse(&read_text(format!("/proc/{pid}/cgroup"))?))
}

/// Parses the text of /proc/PID/cgroup: lines `5:cpu,cpuacct:/user.slice`, or `0::/` for v2.
pub fn parse(text: &str) -> Vec<Membership> {
    let line = |line: &str| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let controllers = controllers.split(',').filter(|name| !name.is_empty());
        Some(Membership {
            controllers: controllers.map(str::to_owned).collect(),
            path: path.into(),
        })
    };
    // Not `lines()`: a group's name may end with a carriage return.
    text.split('\n').filter_map(line).collect()
}

/// Bytes that the memory groups of this process leave to it, the tightest of the path up to the
/// root; none where no limit is set or can be read.
pub fn memory_left() -> Option<u64> {
    let mut tightest: Option<u64> = None;
    for group in read(std::process::id() as i32).ok()? {
        let (root, limit, usage) = if group.controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max", "memory.current")
        } else if group.controllers.iter().any(|name| name == "memory") {
            (
                "/sys/fs/cgroup/memory",
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
            )
        } else {
            continue;
        };
        // In a container the path may be the host's and not be there: its ancestors are tried, too.
        for directory in group.path.ancestors() {
            let directory = format!("{root}{}", directory.display());
            let number = |file: &str| number(Path::new(&directory).join(file));
            if let (Some(limit), Some(usage)) = (number(limit), number(usage)) {
                let left = limit.saturating_sub(usage);
                tightest = Some(tightest.map_or(left, |tightest| tightest.min(left)));
            }
        }
    }
    tightest
}

/// CPU time of all tasks of the root group, exact to a scheduler tick. In a container that is the
/// container's own group.
///
/// # Errors
/// That of reading the file of v2; ENODATA where it has no such line.
pub fn cpu_time() -> Result<Duration, Error> {
    if let Some(ns) = number("/sys/fs/cgroup/cpuacct/cpuacct.usage") {
        return Ok(Duration::from_nanos(ns));
    }
    let path = "/sys/fs/cgroup/cpu.stat";
    parse_cpu_stat(&read_text(path)?)
        .ok_or_else(|| Error::no_data(format!("find usage_usec in {path}")))
}

/// `usage_usec` of a v2 cpu.stat.
pub fn parse_cpu_stat(text: &str) -> Option<Duration> {
    let mut lines = text.lines();
    let usage = lines.find_map(|line| line.strip_prefix("usage_usec "))?;
    Some(Duration::from_micros(usage.trim().parse().ok()?))
}

/// The number in a file of one; none where there is no file or it says `max`.
fn number(path: impl AsRef<Path>) -> Option<u64> {
    read_text(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn saved_text() {
        let groups = parse("5:cpu,cpuacct:/a:b\n0::/user.slice\nnonsense\n");
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].controllers, ["cpu", "cpuacct"]);
        assert_eq!(groups[0].path, Path::new("/a:b"));
        assert!(groups[1].controllers.is_empty());
    }

    #[test]
    fn cpu_stat_is_in_microseconds() {
        let usage = parse_cpu_stat("nr 1\nusage_usec 12\nuser_usec 3\n");
        assert_eq!(usage, Some(Duration::from_micros(12)));
        assert_eq!(parse_cpu_stat("user_usec 3\n"), None);
    }

    #[test]
    fn a_group_may_end_with_a_carriage_return() {
        assert_eq!(parse("0::/odd\r\n")[0].path, Path::new("/odd\r"));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s)(usage_usec )?.{0,200}") {
            parse(&text);
            parse_cpu_stat(&text);
        }
    }
}
