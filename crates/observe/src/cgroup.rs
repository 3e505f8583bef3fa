//! Control groups, v2 and v1: the memory and the CPU time that they leave to a process, and what
//! they count (cgroups(7), Documentation/admin-guide/cgroup-v2.rst).

#[cfg(test)]
#[path = "../../harness/tests/temporary/mod.rs"]
mod temporary;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Error, read_bytes, read_text};

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
    Ok(parse(read_bytes(format!("/proc/{pid}/cgroup"))?))
}

/// Parses the text of /proc/PID/cgroup: lines `5:cpu,cpuacct:/user.slice`, or `0::/` for v2.
pub fn parse(text: impl AsRef<[u8]>) -> Vec<Membership> {
    let line = |line: &[u8]| {
        let mut fields = line.splitn(3, |&byte| byte == b':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let controllers = str::from_utf8(controllers).ok()?.split(',');
        let controllers = controllers.filter(|name| !name.is_empty());
        Some(Membership {
            controllers: controllers.map(str::to_owned).collect(),
            path: OsStr::from_bytes(path).into(),
        })
    };
    // A group's name may end with a carriage return: that belongs to it.
    let lines = text.as_ref().split(|&byte| byte == b'\n');
    lines.filter_map(line).collect()
}

/// Where the control groups are mounted.
pub(crate) const ROOT: &str = "/sys/fs/cgroup";

/// Bytes that the memory groups of this process leave to it, the tightest of the path up to the
/// root; none where no limit is set or can be read.
pub fn memory_left() -> Option<u64> {
    let left = |directory: &Path, [limit, usage]: [&str; 2]| {
        let (limit, usage) = (
            number(directory.join(limit))?,
            number(directory.join(usage))?,
        );
        Some(limit.saturating_sub(usage))
    };
    let unified = |directory: &Path| left(directory, ["memory.max", "memory.current"]);
    let v1 = |directory: &Path| {
        left(
            directory,
            ["memory.limit_in_bytes", "memory.usage_in_bytes"],
        )
    };
    let directories = directories(Path::new(ROOT), &own()?, "memory");
    directories
        .iter()
        .filter_map(|d| unified(d).or_else(|| v1(d)))
        .min()
}

/// CPUs' worth of time that the groups of this process leave to it, the tightest quota of the path
/// up to the root: `cpu.max` of v2, `cpu.cfs_quota_us` of v1. None where no quota is set or can be
/// read.
pub fn cpu_quota() -> Option<f64> {
    quota_below(Path::new(ROOT), &own()?)
}

pub(crate) fn quota_below(root: &Path, groups: &[Membership]) -> Option<f64> {
    let quota = |directory: &PathBuf| parse_cpu_max(&read_text(directory.join("cpu.max")).ok()?);
    let v1 = |directory: &PathBuf| {
        // -1, which is no number here, means that there is no quota.
        let quota = number(directory.join("cpu.cfs_quota_us"))?;
        share(quota, number(directory.join("cpu.cfs_period_us"))?)
    };
    let directories = directories(root, groups, "cpu");
    let quotas = directories
        .iter()
        .filter_map(|d| quota(d).or_else(|| v1(d)));
    quotas.min_by(f64::total_cmp)
}

/// Parses the text of cpu.max, `50000 100000`: CPUs' worth of time; none where it says `max`.
pub fn parse_cpu_max(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    share(words.next()?.parse().ok()?, words.next()?.parse().ok()?)
}

fn share(quota: u64, period: u64) -> Option<f64> {
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

/// In how many periods a quota held back a group of this process, or one above it, so far; none
/// where nobody counts them.
pub fn throttled_periods() -> Option<u64> {
    throttled_below(Path::new(ROOT), &own()?)
}

fn throttled_below(root: &Path, groups: &[Membership]) -> Option<u64> {
    let counts = directories(root, groups, "cpu").into_iter();
    let counts = counts.filter_map(|directory| {
        let text = read_text(directory.join("cpu.stat")).ok()?;
        let mut lines = text.lines();
        let count = lines.find_map(|line| line.strip_prefix("nr_throttled "))?;
        count.trim().parse::<u64>().ok()
    });
    counts.reduce(u64::saturating_add)
}

pub(crate) fn own() -> Option<Vec<Membership>> {
    read(std::process::id() as i32).ok()
}

/// The directories of `groups` that `controller` may be found in, and of all groups above them.
pub(crate) fn directories(root: &Path, groups: &[Membership], controller: &str) -> Vec<PathBuf> {
    let mut directories = Vec::new();
    for group in groups {
        let mounts: &[&str] = if group.controllers.is_empty() {
            // Where v1 has the root, v2 is mounted below it.
            &["", "unified"]
        } else if group.controllers.iter().any(|name| name == controller) {
            &[controller, &group.controllers.join(",")]
        } else {
            continue;
        };
        for mount in mounts {
            // In a container the path may be the host's and not be there: its ancestors are tried,
            // too.
            for above in group.path.ancestors() {
                let inside = above.strip_prefix("/").unwrap_or(above);
                let directory = root.join(mount).join(inside);
                // A mount that goes by two names counts once.
                let directory = directory.canonicalize().unwrap_or(directory);
                if !directories.contains(&directory) {
                    directories.push(directory);
                }
            }
        }
    }
    directories
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
pub(crate) mod tests {
    use std::fs;
    use std::hash::{BuildHasher, RandomState};
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

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
    fn a_group_keeps_its_bytes() {
        let path = OsStr::from_bytes(b"/o\xe9d\r");
        assert_eq!(parse(b"0::/o\xe9d\r\n")[0].path, Path::new(path));
    }

    /// A folder with these files, as a kernel would show its groups.
    pub(crate) struct Groups(pub(crate) PathBuf);

    impl Groups {
        pub(crate) fn new(files: &[(&str, &str)]) -> Groups {
            let number = RandomState::new().hash_one(());
            let root = super::temporary::folder().join(format!("cgroup-test-{number:x}"));
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Groups(root)
        }
    }

    impl Drop for Groups {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_tightest_quota_up_the_tree_counts() {
        let groups = Groups::new(&[
            ("a/cpu.max", "50000 100000\n"),
            ("a/b/cpu.max", "150000 100000\n"),
            ("cpu.max", "max 100000\n"),
            ("a/cpu.stat", "usage_usec 5\nnr_throttled 3\n"),
            ("a/b/cpu.stat", "usage_usec 5\nnr_throttled 4\n"),
        ]);
        let own = parse("0::/a/b\n");
        assert_eq!(quota_below(&groups.0, &own), Some(0.5));
        assert_eq!(throttled_below(&groups.0, &own), Some(7));
        let other = parse("0::/c\n");
        assert_eq!(quota_below(&groups.0, &other), None);
        assert_eq!(throttled_below(&groups.0, &other), None);
    }

    #[test]
    fn version_1_has_files_of_its_own() {
        let groups = Groups::new(&[
            ("cpu,cpuacct/a/cpu.cfs_quota_us", "150000\n"),
            ("cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"),
            ("cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
            ("cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("cpu,cpuacct/a/cpu.stat", "nr_periods 9\nnr_throttled 2\n"),
        ]);
        // Most systems make a link, by which each controller is found under its own name.
        symlink("cpu,cpuacct", groups.0.join("cpu")).unwrap();
        let own = parse("4:memory:/a\n5:cpu,cpuacct:/a\n0::/\n");
        assert_eq!(quota_below(&groups.0, &own), Some(1.5));
        assert_eq!(throttled_below(&groups.0, &own), Some(2));
    }

    #[test]
    fn no_quota_is_none() {
        assert_eq!(parse_cpu_max("max 100000\n"), None);
        assert_eq!(parse_cpu_max("0 100000\n"), None);
        assert_eq!(parse_cpu_max("garbage"), None);
        assert!(cpu_quota().is_none_or(|quota| quota > 0.0));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s)(usage_usec )?.{0,200}") {
            parse(&text);
            parse_cpu_max(&text);
            parse_cpu_stat(&text);
        }
    }
}
