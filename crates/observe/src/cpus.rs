//! The CPUs that this process may use: its affinity mask, its cpuset, and the share of their time
//! that control groups leave to it.

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use crate::{Error, cgroup, read_text};

/// The CPUs that this thread may run on, in ascending order: sched_getaffinity(2), where the kernel
/// has applied the cpuset already. Under a filter on that call, and on a machine with more CPUs
/// than its mask can name, `Cpus_allowed_list` of proc_pid_status(5).
///
/// # Errors
/// That of sched_getaffinity(2), where /proc does not say it either.
pub fn allowed() -> Result<Vec<usize>, Error> {
    match sched_getaffinity(Pid::from_raw(0)) {
        Ok(set) => Ok((0..CpuSet::count())
            .filter(|&cpu| set.is_set(cpu).unwrap_or(false))
            .collect()),
        Err(errno) => shown().ok_or_else(|| Error::new("sched_getaffinity", errno)),
    }
}

fn shown() -> Option<Vec<usize>> {
    let status = read_text("/proc/thread-self/status").ok()?;
    let mut lines = status.lines();
    let list = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(parse(list)).filter(|cpus| !cpus.is_empty())
}

/// How many CPUs' time this process may use, a fraction where a control group limits it: the CPUs
/// that it may run on, or the least quota of its groups. 1 where nobody says.
pub fn share() -> f64 {
    let allowed = allowed().map_or(1, |cpus| cpus.len().max(1)) as f64;
    cgroup::cpu_quota().map_or(allowed, |quota| allowed.min(quota))
}

/// As many threads as [`share`] lets run at the same time, at least one.
pub fn count() -> usize {
    (share() as usize).max(1)
}

/// The CPUs that are online.
///
/// # Errors
/// That of reading /sys.
pub fn online() -> Result<Vec<usize>, Error> {
    let path = "/sys/devices/system/cpu/online";
    let cpus = parse(&read_text(path)?);
    if cpus.is_empty() {
        return Err(Error::new(
            format!("find a list of CPUs in {path}"),
            Errno::ENODATA,
        ));
    }
    Ok(cpus)
}

/// Parses a list of CPUs, `0-3,8`.
pub fn parse(text: &str) -> Vec<usize> {
    let ranges = text.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<usize>().ok()?..=last.parse().ok()?)
    });
    // No machine has more CPUs than the kernel's largest NR_CPUS.
    ranges.flatten().take(8192).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::with_refused_call;
    use proptest::prelude::*;

    #[test]
    fn lists_of_cpus() {
        assert_eq!(parse("\t0-3,8\n"), [0, 1, 2, 3, 8]);
        assert_eq!(parse("0\n"), [0]);
        assert!(parse("").is_empty());
    }

    #[test]
    fn proc_says_what_the_system_call_says() {
        let asked = allowed().unwrap();
        assert!(!asked.is_empty());
        assert!(asked.iter().all(|cpu| online().unwrap().contains(cpu)));
        for errno in [Errno::EPERM, Errno::ENOSYS] {
            let asked = asked.clone();
            with_refused_call(libc::SYS_sched_getaffinity, errno, move || {
                let refused = sched_getaffinity(Pid::from_raw(0)).map(drop);
                assert_eq!(refused, Err(errno), "the filter is there");
                assert_eq!(allowed().unwrap(), asked);
            });
        }
    }

    #[test]
    fn a_share_is_no_more_than_the_cpus() {
        let allowed = allowed().unwrap().len();
        assert!(share() > 0.0 && share() <= allowed as f64);
        assert!((1..=allowed).contains(&count()));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s)[0-9,-]{0,30}.{0,10}") {
            parse(&text);
        }
    }
}
