//! One claim in one child.

use std::time::Duration;

use anyhow::Result;
use claim::{Arm, Claim, Order, QUIET_MACHINE, Quantity, Report, Verdict};
use nix::sys::prctl;

use crate::{quiet, refusal};

/// How long the processes that a claim left behind have to die of SIGKILL.
const AFTERMATH: Duration = Duration::from_secs(5);

/// Runs `claim` in a child of its own. Whatever happens there becomes a report.
///
/// A claim that needs a quiet machine and does not come out as it should while others used the
/// processors is run again, a few times; if they went on, it is not measured rather than refuted.
///
/// The caller must have called [`child::adopt_orphans`], so that grandchildren whose parent was
/// killed are ended here rather than left to init.
pub fn run_isolated(claim: &Claim, order: Order) -> Report {
    if !claim.needs.contains(&QUIET_MACHINE) {
        return once(claim, order);
    }
    for _ in 1..quiet::ATTEMPTS {
        let (report, others) = quiet::watched(|| once(claim, order));
        if as_it_should(claim, &report, order) || !quiet::is_disturbed(others) {
            return report;
        }
    }
    let (mut report, others) = quiet::watched(|| once(claim, order));
    if !as_it_should(claim, &report, order)
        && noise_explains(&report.verdict, !report.observed.is_empty())
        && quiet::is_disturbed(others)
    {
        report.verdict = quiet::disturbed(others);
        report.observed.clear();
        report.control.observed.clear();
        report.details.clear();
    }
    report
}

/// Whether a busy machine may be the reason for this verdict, given whether values were `read`. What
/// was refused or broke would be so on a quiet machine as well, and must not hide behind the noise.
fn noise_explains(verdict: &Verdict, read: bool) -> bool {
    match verdict {
        Verdict::Error(_) => false,
        Verdict::NotMeasured { .. } => read,
        Verdict::Holds | Verdict::HoldsWith(_) | Verdict::Refuted => true,
    }
}

/// Quantities that read as the experiment should: after a run with the arms exchanged, those of a
/// blind instrument.
pub(crate) fn unturned<'a>(claim: &'a Claim, report: &Report) -> Vec<&'a Quantity> {
    let as_claimed = |quantity: &&Quantity| {
        let observed = report.observed.get(quantity.name);
        observed.is_some_and(|value| quantity.experiment.allows(value))
    };
    claim.quantities.iter().filter(as_claimed).collect()
}

fn as_it_should(claim: &Claim, report: &Report, order: Order) -> bool {
    match order {
        Order::AsClaimed => report.verdict.holds(),
        Order::Exchanged => {
            report.verdict == Verdict::Refuted && unturned(claim, report).is_empty()
        }
    }
}

fn once(claim: &Claim, order: Order) -> Report {
    let measured = in_child(claim, order);
    let aftermath = child::end_orphans(AFTERMATH);
    measured
        .and_then(|report| Ok(aftermath.map(|_| report)?))
        .unwrap_or_else(|error| failed(claim, error))
}

fn in_child(claim: &Claim, order: Order) -> Result<Report> {
    let measure = |_: &mut child::Parent| {
        Ok(claim
            .run(order, named)
            .unwrap_or_else(|error| failed(claim, error)))
    };
    Ok(child::fork(claim.id, measure)?.limit(claim.limit).join()?)
}

/// Names this process after the arm, for ps and for whoever reads a trace. Only a name that is too
/// long could be refused.
fn named(arm: Arm) {
    let _ = prctl::set_name(match arm {
        Arm::Experiment => c"experiment",
        Arm::Control => c"control",
    });
}

fn failed(claim: &Claim, error: anyhow::Error) -> Report {
    Report::failed(claim, &refusal::explained(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_hides_neither_a_broken_set_up_nor_a_refusal() {
        let not_measured = Verdict::NotMeasured {
            why: String::new(),
            enable: String::new(),
        };
        let broken = Verdict::Error("sched_setaffinity CPU 1: EIO".to_owned());
        for (verdict, read, explained) in [
            (&broken, false, false),
            (&broken, true, false),
            (&not_measured, false, false),
            // The control did not come out: the instrument was disturbed.
            (&not_measured, true, true),
            (&Verdict::Refuted, true, true),
            // With the arms exchanged it is this one that is wrong.
            (&Verdict::Holds, true, true),
        ] {
            assert_eq!(
                noise_explains(verdict, read),
                explained,
                "{verdict:?}, {read}"
            );
        }
    }
}
