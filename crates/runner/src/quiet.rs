//! The verdict on a claim for which the machine was not quiet enough.

use std::time::Duration;

use claim::Verdict;
use harness::quiet::{CLAIM_TOLERANCE, Load, Quiet};

/// How often a claim that needs quiet is measured where it does not come out as it should.
const ATTEMPTS: u32 = 3;
/// How often at most where other programs use the processors: each attempt may meet a quieter
/// moment. On a machine that is emulated or throttled, one attempt is as the other.
const MOST_ATTEMPTS: u32 = 10;
/// For how long other programs are waited out by further attempts.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether a claim is measured once more, which has been measured `attempts` times within `spent`,
/// the last time under this load.
pub(crate) fn is_tried_again(load: Load, attempts: u32, spent: Duration) -> bool {
    match load.judge(CLAIM_TOLERANCE) {
        Quiet::Quiet => false,
        Quiet::Disturbed(_) if spent < PATIENCE => attempts < MOST_ATTEMPTS,
        _ => attempts < ATTEMPTS,
    }
}

/// Whether times cannot be trusted after a run under this load. A machine that does not say what
/// others used is unknown, not quiet.
pub(crate) fn is_disturbed(load: Load) -> bool {
    load.judge(CLAIM_TOLERANCE) != Quiet::Quiet
}

/// The verdict on a claim that never had the quiet it needs.
pub(crate) fn disturbed_verdict(load: Load, attempts: u32) -> Verdict {
    let (why, enable) = match load.judge(CLAIM_TOLERANCE) {
        Quiet::Emulated => (
            "a program imitates the processors of this machine (QEMU without KVM), and times on \
             them are none of the kernel's"
                .to_owned(),
            "run it on real processors, or in a virtual machine that has them (KVM)",
        ),
        Quiet::Throttled => (
            format!(
                "the control group's quota kept it from the processors meanwhile (nr_throttled in \
                 cpu.stat), in {attempts} attempts"
            ),
            "raise the quota (cpu.max, or docker run --cpus)",
        ),
        Quiet::Unknown => (
            "what other programs used of the processors meanwhile is unknown: neither /proc/stat \
             nor the control group's CPU time can be read"
                .to_owned(),
            "run it where /proc/stat can be read",
        ),
        Quiet::Disturbed(_) | Quiet::Quiet => (
            format!(
                "other programs used {:.0} % of the processors meanwhile, in {attempts} attempts",
                load.others.unwrap_or(0.0) * 100.0
            ),
            "run it again while the machine does little else",
        ),
    };
    Verdict::NotMeasured {
        why,
        enable: enable.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Load = Load {
        others: Some(0.08),
        throttled: false,
        emulated: false,
    };

    #[test]
    fn a_machine_that_is_not_quiet_says_why() {
        assert!(!is_disturbed(IDLE));
        let others = |others| Load { others, ..IDLE };
        let throttled = Load {
            throttled: true,
            ..IDLE
        };
        let emulated = Load {
            emulated: true,
            ..IDLE
        };
        for (load, word) in [
            (others(Some(0.09)), "9 %"),
            (others(Some(0.5)), "50 %"),
            (others(None), "unknown"),
            (throttled, "quota"),
            (emulated, "QEMU"),
        ] {
            assert!(is_disturbed(load), "{load:?}");
            let Verdict::NotMeasured { why, .. } = disturbed_verdict(load, 3) else {
                panic!("{load:?} lets a verdict stand");
            };
            assert!(why.contains(word), "{why}");
        }
    }

    #[test]
    fn other_programs_are_waited_out_for_a_while() {
        let busy = Load {
            others: Some(0.5),
            ..IDLE
        };
        let emulated = Load {
            emulated: true,
            ..busy
        };
        let soon = Duration::from_secs(1);
        assert!(!is_tried_again(IDLE, 1, soon));
        assert!(is_tried_again(busy, 9, soon) && !is_tried_again(busy, 10, soon));
        assert!(is_tried_again(busy, 2, PATIENCE) && !is_tried_again(busy, 3, PATIENCE));
        assert!(is_tried_again(emulated, 2, soon) && !is_tried_again(emulated, 3, soon));
    }
}
