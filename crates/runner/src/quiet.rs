//! The verdict on a claim for which the machine was not quiet enough.

use claim::Verdict;
use harness::quiet::{CLAIM_TOLERANCE, Load, Quiet};

/// How often a claim that needs quiet is measured at most.
pub(crate) const ATTEMPTS: u32 = 3;

/// Whether times cannot be trusted after a run under this load. A machine that does not say what
/// others used is unknown, not quiet.
pub(crate) fn is_disturbed(load: Load) -> bool {
    load.judge(CLAIM_TOLERANCE) != Quiet::Quiet
}

/// The verdict on a claim that never had the quiet it needs.
pub(crate) fn disturbed_verdict(load: Load) -> Verdict {
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
                 cpu.stat), in {ATTEMPTS} attempts"
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
                "other programs used {:.0} % of the processors meanwhile, in {ATTEMPTS} attempts",
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
            let Verdict::NotMeasured { why, .. } = disturbed_verdict(load) else {
                panic!("{load:?} lets a verdict stand");
            };
            assert!(why.contains(word), "{why}");
        }
    }
}
