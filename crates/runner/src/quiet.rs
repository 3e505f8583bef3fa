//! Whether other programs used the processors while a claim was measured.

use std::time::{Duration, Instant};

use claim::Verdict;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// How often a claim that needs quiet is measured at most.
pub(crate) const ATTEMPTS: u32 = 3;

/// Share of all processors that others may use. /proc/stat counts in steps of 10 ms, so a short
/// measurement cannot be told more finely.
const TOLERATED: f64 = 0.08;

/// Runs `measure` and tells which share of all processors others used meanwhile; 0 where the kernel
/// does not say.
pub(crate) fn watched<R>(measure: impl FnOnce() -> R) -> (R, f64) {
    let before = (Instant::now(), observe::cpu::busy(), own());
    let report = measure();
    let (Ok(busy_before), Ok(busy)) = (before.1, observe::cpu::busy()) else {
        return (report, 0.0);
    };
    let busy = busy.saturating_sub(busy_before);
    let others = busy.saturating_sub(own().saturating_sub(before.2));
    let processors = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    // Pinned to some of the processors, this process sees the load of all.
    let share = others.as_secs_f64() / (before.0.elapsed().as_secs_f64() * processors);
    (report, share.min(1.0))
}

/// Whether times cannot be trusted after others used this share.
pub(crate) fn is_disturbed(others: f64) -> bool {
    others > TOLERATED
}

/// The verdict on a claim that never had the quiet it needs.
pub(crate) fn disturbed(others: f64) -> Verdict {
    Verdict::NotMeasured {
        why: format!(
            "other programs used {:.0} % of the processors meanwhile, in {ATTEMPTS} attempts",
            others * 100.0
        ),
        enable: "run it again while the machine does little else".to_owned(),
    }
}

/// CPU time of this process and of its descendants that have been reaped.
fn own() -> Duration {
    let of = |who| {
        getrusage(who).map_or(0, |usage| {
            usage.user_time().num_microseconds() + usage.system_time().num_microseconds()
        })
    };
    let used = of(UsageWho::RUSAGE_SELF) + of(UsageWho::RUSAGE_CHILDREN);
    Duration::from_micros(u64::try_from(used).unwrap_or(0))
}
