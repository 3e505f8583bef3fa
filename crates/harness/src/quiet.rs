//! How much other programs used the processors during a measurement, which then shows their load.

use std::time::{Duration, Instant};

use observe::{cgroup, cpu, cpus, hypervisor};

use crate::clock::{process_cpu_ns, reaped_cpu_time};

/// Share of the processors that others may use while a claim is measured. A claim lasts from some
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
    /// A control group's quota kept this process from the processors for some time.
    Throttled,
    /// The processors are imitated by a program: see [`observe::hypervisor::is_emulated`].
    Emulated,
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

/// What kept a measurement from the processors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// The share, 0 to 1, that others used of the CPUs that this process may use; none where the
    /// kernel does not say.
    pub others: Option<f64>,
    /// Whether a quota held this process back.
    pub throttled: bool,
    /// Whether a program imitates the processors.
    pub emulated: bool,
}

impl Load {
    /// Judges it, where others may use a share of `tolerance`.
    pub fn judge(&self, tolerance: f64) -> Quiet {
        match self {
            Load { emulated: true, .. } => Quiet::Emulated,
            Load {
                throttled: true, ..
            } => Quiet::Throttled,
            Load { others, .. } => judge(*others, tolerance),
        }
    }
}

/// Runs `measure` and tells what kept it from the processors meanwhile.
pub fn watch<T>(measure: impl FnOnce() -> T) -> (T, Load) {
    let before = Reading::now();
    let measured = measure();
    let after = Reading::now();
    let others = after.others_of_share(&before, cpus::share());
    let load = Load {
        others: others.map(|others| others.min(1.0)),
        throttled: after.throttled > before.throttled,
        emulated: hypervisor::is_emulated(),
    };
    (measured, load)
}

/// A reading of all clocks. Two readings give the share of the others: see
/// [`Reading::others_since`].
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    at: Instant,
    /// CPU time of this process and of its descendants that have been reaped.
    own: Duration,
    /// CPU time of all tasks of the root control group, on all processors: exact to a scheduler
    /// tick. None where this process may use only some of them.
    group: Option<Duration>,
    /// Busy time, by /proc/stat, of the processors that this process may use: in ticks of 10 ms.
    machine: Option<Duration>,
    /// Periods in which a quota held back a control group of this process.
    throttled: Option<u64>,
}

impl Reading {
    /// Reads them now. Take it when no thread of the measurement runs: a running thread's time is
    /// booked late.
    pub fn now() -> Reading {
        let allowed = cpus::allowed().ok();
        // What cannot be compared is taken to be all.
        let all = match (&allowed, cpus::online()) {
            (Some(allowed), Ok(online)) => online.iter().all(|cpu| allowed.contains(cpu)),
            _ => true,
        };
        Reading {
            at: Instant::now(),
            own: own(),
            group: cgroup::cpu_time().ok().filter(|_| all),
            machine: allowed.and_then(|cpus| cpu::busy_time(&cpus).ok()),
            throttled: cgroup::throttled_periods(),
        }
    }

    /// The share of `cpus` CPUs (0 to 1) that others than this process used since `before`; none
    /// where neither clock can be read.
    ///
    /// The larger of two estimates: the control group's is fine, but in a container covers only the
    /// container; /proc/stat covers the machine but is coarse, so two ticks of it are forgiven.
    pub fn others_since(&self, before: &Reading, cpus: usize) -> Option<f64> {
        self.others_of_share(before, cpus as f64)
    }

    fn others_of_share(&self, before: &Reading, share: f64) -> Option<f64> {
        let own = self.own.saturating_sub(before.own);
        let spent = |now: Option<Duration>, before: Option<Duration>, forgiven: Duration| {
            Some(now?.saturating_sub(before?).saturating_sub(own + forgiven))
        };
        let fine = spent(self.group, before.group, Duration::ZERO);
        let coarse = spent(self.machine, before.machine, 2 * cpu::TICK);
        let others = fine.max(coarse)?.as_secs_f64();
        let wall = self.at.duration_since(before.at).as_secs_f64();
        Some(others / (wall * share))
    }
}

fn own() -> Duration {
    Duration::from_nanos(process_cpu_ns()) + reaped_cpu_time()
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
            throttled: None,
        };
        let after = Reading {
            at: before.at + 100 * MS,
            own: 100 * MS,
            group,
            machine,
            throttled: None,
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
        let ((), load) = watch(|| crate::clock::rounds(1));
        assert!(
            load.others
                .is_some_and(|others| (0.0..=1.0).contains(&others))
        );
    }

    #[test]
    fn a_quota_and_an_imitation_are_not_quiet_whatever_others_did() {
        let quiet = Load {
            others: Some(0.0),
            throttled: false,
            emulated: false,
        };
        let throttled = Load {
            throttled: true,
            ..quiet
        };
        let emulated = Load {
            emulated: true,
            ..throttled
        };
        assert_eq!(quiet.judge(CLAIM_TOLERANCE), Quiet::Quiet);
        assert_eq!(throttled.judge(CLAIM_TOLERANCE), Quiet::Throttled);
        assert_eq!(emulated.judge(CLAIM_TOLERANCE), Quiet::Emulated);
    }

    /// The load of a processor that this thread may not use is nobody's business here.
    #[test]
    fn others_are_those_on_the_processors_that_may_be_used() {
        let allowed = cpus::allowed().unwrap();
        let [first, .., last] = allowed[..] else {
            return;
        };
        assert_ne!(first, last, "a slice of two");
        std::thread::spawn(move || {
            crate::pin::pin(first).unwrap();
            let busy = || cpu::busy_time(&[first]).unwrap();
            let (before, reading, after) = (busy(), Reading::now(), busy());
            assert_eq!(reading.group, None);
            assert!((before..=after).contains(&reading.machine.unwrap()));
        })
        .join()
        .unwrap();
    }
}
