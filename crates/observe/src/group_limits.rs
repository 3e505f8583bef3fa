//! What the control groups of this process allow it at most: `memory.max`, `pids.max` and `cpu.max`
//! of cgroups(7) v2, and their kin of v1.

use std::path::Path;

use crate::cgroup::{Membership, ROOT, directories, own, quota_below};
use crate::limits::{Limit, parse_limit};
use crate::read_text;

/// What v1 writes where memory has no limit: the largest number of whole pages of any size.
const UNLIMITED_V1: u64 = i64::MAX as u64 - (64 << 10);

/// The tightest limits of all groups of this process, up to the root. None where no group has such
/// a file, as on a machine whose processes are all in the root's, or none can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GroupLimits {
    /// CPUs' worth of time.
    pub cpu: Option<Limit<f64>>,
    /// Bytes of memory.
    pub memory: Option<Limit>,
    /// Processes and threads.
    pub pids: Option<Limit>,
}

/// Reads them.
pub fn read() -> GroupLimits {
    own().map_or_else(GroupLimits::default, |groups| {
        read_below(Path::new(ROOT), &groups)
    })
}

fn read_below(root: &Path, groups: &[Membership]) -> GroupLimits {
    let tightest = |controller: &str, files: &[&str]| {
        let directories = directories(root, groups, controller);
        let paths = directories
            .iter()
            .flat_map(|directory| files.iter().map(|file| directory.join(file)));
        let limits = paths.filter_map(|path| parse_limit(&read_text(path).ok()?));
        limits.reduce(Limit::tighter)
    };
    let cpu_files = ["cpu.max", "cpu.cfs_quota_us"];
    let has_quota_files = directories(root, groups, "cpu")
        .iter()
        .any(|directory| cpu_files.iter().any(|file| directory.join(file).exists()));
    let memory = tightest("memory", &["memory.max", "memory.limit_in_bytes"]);
    GroupLimits {
        cpu: match quota_below(root, groups) {
            Some(quota) => Some(Limit::At(quota)),
            None => has_quota_files.then_some(Limit::Unlimited),
        },
        memory: memory.map(|limit| match limit {
            Limit::At(bytes) if bytes >= UNLIMITED_V1 => Limit::Unlimited,
            limit => limit,
        }),
        pids: tightest("pids", &["pids.max"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::parse;
    use crate::cgroup::tests::Groups;

    #[test]
    fn the_tightest_group_up_the_tree_decides() {
        let groups = Groups::new(&[
            ("a/memory.max", "8192\n"),
            ("a/b/memory.max", "max\n"),
            ("a/b/pids.max", "max\n"),
            ("a/cpu.max", "50000 100000\n"),
            ("c/cpu.max", "max 100000\n"),
        ]);
        let expected = GroupLimits {
            cpu: Some(Limit::At(0.5)),
            memory: Some(Limit::At(8192)),
            pids: Some(Limit::Unlimited),
        };
        assert_eq!(read_below(&groups.0, &parse("0::/a/b\n")), expected);
        let expected = GroupLimits {
            cpu: Some(Limit::Unlimited),
            ..GroupLimits::default()
        };
        assert_eq!(read_below(&groups.0, &parse("0::/c\n")), expected);
        assert_eq!(
            read_below(&groups.0, &parse("0::/d\n")),
            GroupLimits::default()
        );
    }

    #[test]
    fn version_1_writes_a_large_number_for_none() {
        let groups = Groups::new(&[
            ("memory/a/memory.limit_in_bytes", "9223372036854771712\n"),
            ("cpu/a/cpu.cfs_quota_us", "-1\n"),
            ("pids/a/pids.max", "7\n"),
        ]);
        let expected = GroupLimits {
            cpu: Some(Limit::Unlimited),
            memory: Some(Limit::Unlimited),
            pids: Some(Limit::At(7)),
        };
        let own = parse("3:memory:/a\n2:cpu:/a\n1:pids:/a\n");
        assert_eq!(read_below(&groups.0, &own), expected);
    }
}
