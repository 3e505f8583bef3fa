//! How much other programs used the processors during a measurement, which then shows their load.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use observe::{cgroup, cpu};

use crate::clock::process_cpu_ns;

/// Share of all processors that others may use while a claim is measured. A claim lasts from some
/// tenths of a second on: two ticks of /proc/stat, its error, are a few percent of that. Its bounds
/// leave more room than a desktop's idle programs take.
pub const CLAIM_TOLERANCE: f64 = 0.08;

/// Share of the window's processors that others may use while locks are compared. A window is
/// longer than most claims and its figures, unlike a claim's bounds, have no room: as little is
/// allowed as a quiet machine keeps.
pub const WINDOW_TOLERANCE: f64 = 0.06;

/// How far the processors were this process's own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quiet {
    /// Others used no more than was tolerated.
    Quiet,
    /// Others used this share, 0 to 1.
    Disturbed(f64),
    /// The kernel does not say: neither /proc/stat nor the control group can be read.
    Unknown,
}

/// Judges a share of the processors that others used, as [`Reading::others_since`] gives it.
pub fn judge(others: Option<f64>, tolerance: f64) -> Quiet {
    match others {
        None => Quiet::Unknown,
        Some(others) if others > tolerance => Quiet::Disturbed(others),
        Some(_) => Quiet::Quiet,
    }
}

/// Runs `measure` and tells which share of all processors, 0 to 1, others used meanwhile; none
/// where the kernel does not say.
pub fn watch<T>(measure: impl FnOnce() -> T) -> (T, Option<f64>) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let before = Reading::now();
    let measured = measure();
    let others = Reading::now().others_since(&before, processors);
    // Bound to some of the processors, this process sees the load of all.
    (measured, others.map(|others| others.min(1.0)))
}

/// A reading of all clocks. Two readings give the share of the others: see
/// [`Reading::others_since`].
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    at: Instant,
    /// CPU time of this process and of its descendants that have been reaped.
    own: Duration,
    /// CPU time of all tasks of the root control group: exact to a scheduler tick.
    group: Option<Duration>,
    /// Busy time of /proc/stat: in ticks of 10 ms.
    machine: Option<Duration>,
}

impl Reading {
    /// Reads them now. Take it when no thread of the measurement runs: a running thread's time is
    /// booked late.
    pub fn now() -> Reading {
        Reading {
            at: Instant::now(),
            own: own(),
            group: cgroup::cpu_time().ok(),
            machine: cpu::busy_time().ok(),
        }
    }

    /// The share of `cpus` CPUs (0 to 1) that others than this process used since `before`; none
    /// where neither clock can be read.
    ///
    /// The larger of two estimates: the control group's is fine, but in a container covers only the
    /// container; /proc/stat covers the machine but is coarse, so two ticks of it are forgiven.
    pub fn others_since(&self, before: &Reading, cpus: usize) -> Option<f64> {
        let own = self.own.saturating_sub(before.own);
        let spent = |now: Option<Duration>, before: Option<Duration>, forgiven: Duration| {
            Some(now?.saturating_sub(before?).saturating_sub(own + forgiven))
        };
        let fine = spent(self.group, before.group, Duration::ZERO);
        let coarse = spent(self.machine, before.machine, 2 * cpu::TICK);
        let others = fine.max(coarse)?.as_secs_f64();
        let wall = self.at.duration_since(before.at).as_secs_f64();
        Some(others / (wall * cpus as f64))
    }
}

fn own() -> Duration {
    let reaped = getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0, |usage| {
        usage.user_time().num_nanoseconds() + usage.system_time().num_nanoseconds()
    });
    Duration::from_nanos(process_cpu_ns()) + Duration::from_nanos(reaped.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn readings(group: Option<Duration>, machine: Option<Duration>) -> (Reading, Reading) {
        let before = Reading {
            at: Instant::now(),
            own: Duration::ZERO,
            group: group.map(|_| Duration::ZERO),
            machine: machine.map(|_| Duration::ZERO),
        };
        let after = Reading {
            at: before.at + 100 * MS,
            own: 100 * MS,
            group,
            machine,
        };
        (before, after)
    }

    #[test]
    fn the_larger_estimate_counts() {
        for (group, machine, share) in [
            // 160 - 100 - 20 of 200 ms.
            (Some(100 * MS), Some(160 * MS), 0.2),
            (Some(150 * MS), Some(120 * MS), 0.25),
            (None, Some(160 * MS), 0.2),
            (Some(100 * MS), None, 0.0),
        ] {
            let (before, after) = readings(group, machine);
            let others = after.others_since(&before, 2).unwrap();
            assert!((others - share).abs() < 1e-9, "{others}, not {share}");
        }
    }

    #[test]
    fn a_machine_that_does_not_say_is_unknown_and_not_quiet() {
        let (before, after) = readings(None, None);
        let others = after.others_since(&before, 2);
        assert_eq!(others, None);
        assert_eq!(judge(others, CLAIM_TOLERANCE), Quiet::Unknown);
        assert_eq!(judge(Some(0.08), CLAIM_TOLERANCE), Quiet::Quiet);
        assert_eq!(judge(Some(0.09), CLAIM_TOLERANCE), Quiet::Disturbed(0.09));
    }

    #[test]
    fn this_machine_says_it() {
        let ((), others) = watch(|| crate::clock::rounds(1));
        assert!(others.is_some_and(|others| (0.0..=1.0).contains(&others)));
    }
}
