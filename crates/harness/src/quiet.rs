//! Who else used the CPU during a window, and how much: such a window tells about them, not about the lock.

use crate::clock::process_cpu_ns;
use std::{fs, time::Instant};

/// A reading of all clocks. Two readings give the share of the others: see [`Reading::others_since`].
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    at: Instant,
    own_ns: u64,
    /// CPU time of all tasks of the root control group: exact to a scheduler tick.
    group_ns: Option<u64>,
    /// Busy time of /proc/stat: in ticks of 10 ms.
    stat_ns: Option<u64>,
}

/// One tick of /proc/stat (USER_HZ is 100 on every architecture we build for).
const TICK_NS: u64 = 10_000_000;

impl Reading {
    /// Reads them now. Take it when no thread of the measurement runs: a running thread's time is booked late.
    pub fn now() -> Self {
        Self {
            at: Instant::now(),
            own_ns: process_cpu_ns(),
            group_ns: group_ns(),
            stat_ns: fs::read_to_string("/proc/stat")
                .ok()
                .and_then(|stat| busy_ns(&stat)),
        }
    }

    /// The share of `cpus` CPUs (0 to 1) that others than this process used since `before`; None where
    /// neither clock can be read.
    ///
    /// The larger of two estimates: the control group's is fine, but in a container covers only the container; /proc/stat
    /// covers the machine but is coarse, so two ticks of it are forgiven.
    pub fn others_since(&self, before: &Self, cpus: usize) -> Option<f64> {
        let own = self.own_ns.saturating_sub(before.own_ns);
        let spent = |now: Option<u64>, then: Option<u64>, forgiven: u64| {
            Some(now?.saturating_sub(then?).saturating_sub(own + forgiven))
        };
        let fine = spent(self.group_ns, before.group_ns, 0);
        let coarse = spent(self.stat_ns, before.stat_ns, 2 * TICK_NS);
        let others = fine.max(coarse)?;
        let wall = self.at.duration_since(before.at).as_nanos() as f64;
        Some(others as f64 / (wall * cpus as f64))
    }
}

fn group_ns() -> Option<u64> {
    if let Ok(usage) = fs::read_to_string("/sys/fs/cgroup/cpuacct/cpuacct.usage") {
        return usage.trim().parse().ok();
    }
    usage_ns(&fs::read_to_string("/sys/fs/cgroup/cpu.stat").ok()?)
}

/// `usage_usec` of a cgroup v2 cpu.stat, in ns.
fn usage_ns(cpu_stat: &str) -> Option<u64> {
    let line = cpu_stat
        .lines()
        .find_map(|line| line.strip_prefix("usage_usec "))?;
    Some(line.trim().parse::<u64>().ok()? * 1000)
}

/// user + nice + system + irq + softirq + steal of the first line of /proc/stat, in ns.
fn busy_ns(stat: &str) -> Option<u64> {
    let fields: Vec<u64> = stat
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_whitespace()
        .map_while(|field| field.parse().ok())
        .collect();
    let ticks: u64 = [0, 1, 2, 5, 6, 7]
        .iter()
        .map(|&field| fields.get(field))
        .sum::<Option<u64>>()?;
    Some(ticks * TICK_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_counts_busy_fields_only() {
        assert_eq!(
            busy_ns("cpu  1 2 3 1000 1000 4 5 6 0 0\ncpu0 9"),
            Some(21 * TICK_NS)
        );
        assert_eq!(busy_ns("cpu  1 2 3"), None);
        assert_eq!(busy_ns("garbage"), None);
    }

    #[test]
    fn cpu_stat_is_in_microseconds() {
        assert_eq!(usage_ns("nr 1\nusage_usec 12\nuser_usec 3\n"), Some(12_000));
        assert_eq!(usage_ns("user_usec 3\n"), None);
    }

    #[test]
    fn the_larger_estimate_counts() {
        let at = Instant::now();
        let before = Reading {
            at,
            own_ns: 0,
            group_ns: Some(0),
            stat_ns: Some(0),
        };
        let after = Reading {
            at: at + std::time::Duration::from_millis(100),
            own_ns: 100_000_000,
            group_ns: Some(100_000_000),
            stat_ns: Some(160_000_000),
        };
        let share = after
            .others_since(&before, 2)
            .expect("both clocks were read");
        assert!(
            (share - 0.2).abs() < 1e-9,
            "160 - 100 - 20 of 200 ms, not {share}"
        );
    }
}
