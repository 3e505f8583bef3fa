//! One claim in one child, which measures; this process judges what it read.

use std::fs::File;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use claim::{
    Arm, Claim, Obstacle, Order, QUIET_MACHINE, Quantity, Readings, Report, Topic, Verdict,
};
use harness::clock::reaped_cpu_time;
use harness::interrupt::Interrupt;
use harness::limits::room_for_stack;
use harness::quiet::watch;
use harness::seccomp::Filter;
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::signal::Signal;
use nix::unistd::dup2_stderr;
use observe::hypervisor;

use crate::quiet;
use crate::refusal::Failure;

/// How long the processes that a claim left behind have to die of SIGKILL.
const DEATH_LIMIT: Duration = Duration::from_secs(5);

/// A claim that has failed after so long is not measured once more.
const SLOW: Duration = Duration::from_secs(5);

/// The stack that a measuring process needs: a claim keeps some thousand addresses there, where it
/// may not allocate.
const STACK: u64 = 1 << 20;

/// Runs claims, each in a child of its own, until SIGINT, SIGTERM or SIGHUP asks for an end.
pub struct Isolation {
    /// The signals, held back from this process. The child of a claim gives them up, so that it and
    /// the programs that it executes block none of them.
    pub(crate) interrupt: Option<Interrupt>,
}

impl Isolation {
    /// Makes this process ready for claims: /proc shows it, the orphans of claims come here to be
    /// ended, and signals are noticed.
    ///
    /// # Errors
    /// /proc is not mounted or shows another PID namespace; a full descriptor table.
    pub fn begin() -> Result<Isolation> {
        require_own_proc()?;
        child::adopt_orphans()?;
        let interrupt = match Interrupt::catch() {
            // A filter forbids signalfd(2). A signal then ends this process at once, and its
            // children die with it: nothing is left behind, and no report is printed.
            Err(refused) if is_refusal(&refused) => None,
            caught => Some(caught?),
        };
        Ok(Isolation { interrupt })
    }

    /// Measures `claim` of `topic` in a child of its own and judges it here. Whatever happens there
    /// becomes a report; the child sends readings, or why there are none, and never a verdict.
    ///
    /// None once a signal has come: the claim in whose middle it came is ended, with every process
    /// that it started.
    ///
    /// A claim that is refuted is measured once more, and it is not measured where it does not come
    /// out so again: what somebody does once to one of its processes, a signal that is sent and
    /// taken back, is nothing that the kernel does.
    pub fn run(&mut self, topic: &Topic, claim: &Claim, order: Order) -> Option<Report> {
        let report = self.run_in_quiet(topic, claim, order)?;
        if order == Order::Exchanged || report.verdict != Verdict::Refuted {
            return Some(report);
        }
        let again = self.run_in_quiet(topic, claim, order)?;
        if again.verdict.holds() {
            return Some(without_numbers(topic, claim, &again, not_again()));
        }
        Some(again)
    }

    /// Measures as [`Isolation::run`] says, once on a quiet machine: a claim that needs one and
    /// does not come out as it should while others used the processors is run again, a few times;
    /// if they went on, it is not measured rather than refuted.
    fn run_in_quiet(&mut self, topic: &Topic, claim: &Claim, order: Order) -> Option<Report> {
        if self.signal().is_some() {
            return None;
        }
        if !claim.needs.contains(&QUIET_MACHINE) {
            return self.run_once(topic, claim, order, None);
        }
        let start = Instant::now();
        let mut attempts = 0;
        loop {
            let (report, load) = watch(|| self.run_once(topic, claim, order, None));
            let report = report?;
            attempts += 1;
            let spent = start.elapsed();
            if verdict_is_expected(claim, &report, order)
                || is_slow_error(&report.verdict, spent)
                || !quiet::is_disturbed(load)
            {
                return Some(report);
            }
            if quiet::is_tried_again(load, attempts, spent) {
                continue;
            }
            if !may_be_noise(&report.verdict, !report.observed.is_empty()) {
                return Some(report);
            }
            let verdict = quiet::disturbed_verdict(load, attempts);
            return Some(without_numbers(topic, claim, &report, verdict));
        }
    }

    /// Measures `claim` where the kernel answers some of its calls by `filter`, without doing them.
    /// It is ended after `limit`, and a noisy machine is no reason to measure it again.
    ///
    /// None once a signal has come, as for [`Isolation::run`].
    pub(crate) fn run_under(
        &mut self,
        filter: &Filter,
        limit: Duration,
        topic: &Topic,
        claim: &Claim,
    ) -> Option<Report> {
        if self.signal().is_some() {
            return None;
        }
        let claim = &Claim { limit, ..*claim };
        self.run_once(topic, claim, Order::AsClaimed, Some(filter))
    }

    /// Lets signals do again what they do by default, and returns the one that came meanwhile.
    pub fn end(self) -> Option<Signal> {
        self.signal()
    }

    /// The signal that has come, if one has.
    pub(crate) fn signal(&self) -> Option<Signal> {
        let interrupt = self.interrupt.as_ref()?;
        interrupt.take().or(interrupt.last())
    }

    fn run_once(
        &mut self,
        topic: &Topic,
        claim: &Claim,
        order: Order,
        filter: Option<&Filter>,
    ) -> Option<Report> {
        let spent = reaped_cpu_time();
        let measured = self.measure_in_child(claim, order, filter);
        let aftermath = child::end_orphans(DEATH_LIMIT).map_err(into_failure);
        if self.signal().is_some() {
            // A terminal sends it to the processes of the claim as well: the result proves nothing.
            return None;
        }
        Some(
            match measured?.and_then(|readings| aftermath.map(|_| readings)) {
                Ok(readings) => Report::judge(topic, claim, order, readings),
                Err(failure) => {
                    let failure = out_of_time(spent).unwrap_or(failure);
                    Report::without_readings(topic, claim, failure.verdict())
                }
            },
        )
    }

    /// The readings, or why there are none; nothing where a signal ended the wait. The child, and
    /// it alone, is subject to the filter.
    fn measure_in_child(
        &mut self,
        claim: &Claim,
        order: Order,
        filter: Option<&Filter>,
    ) -> Option<Result<Readings, Failure>> {
        if let Err(error) = room_for_stack(STACK) {
            let enable = "raise the hard limit on the stack, or run it with less of a limit";
            return Some(Err(Failure::NotMeasured(Obstacle {
                why: error.to_string(),
                enable: enable.to_owned(),
            })));
        }
        let measure = |parent: &mut child::Parent| {
            drop(self.interrupt.take());
            // Refused, a claim that needs it says so.
            let _ = parent.ensure_loopback();
            if let Some(filter) = filter {
                discard_standard_error();
                filter.install()?;
            }
            let measured = claim.measure_both(order, name_process);
            Ok(measured.map_err(Failure::from))
        };
        let child = match child::fork(claim.id, measure) {
            Ok(child) => child.limit(claim.limit * slowness()),
            Err(error) => return Some(Err(into_failure(error))),
        };
        let answer = match &self.interrupt {
            Some(interrupt) => child.join_unless(interrupt.as_fd()).transpose()?,
            None => child.join(),
        };
        Some(answer.unwrap_or_else(|error| Err(into_failure(error))))
    }
}

/// A report of `verdict`, of which `measured` knows how long it took, and where the numbers would
/// have come from.
fn without_numbers(topic: &Topic, claim: &Claim, measured: &Report, verdict: Verdict) -> Report {
    Report {
        duration_ms: measured.duration_ms,
        evidence: measured.evidence,
        ..Report::without_readings(topic, claim, verdict)
    }
}

/// The verdict on a claim that one run refuted, and the next did not.
fn not_again() -> Verdict {
    Verdict::NotMeasured {
        why: "one run refuted it, and the next did not".to_owned(),
        enable: "run it again where nobody sends signals to its processes".to_owned(),
    }
}

fn is_refusal(error: &observe::Error) -> bool {
    matches!(error.errno, Errno::EPERM | Errno::EACCES | Errno::ENOSYS)
}

/// By how much longer a claim may take here: a program that imitates processors is slow.
fn slowness() -> u32 {
    if hypervisor::is_emulated() { 3 } else { 1 }
}

/// Why there are no readings, where the processes that ended since `spent` have used as much CPU
/// time as one may: the kernel kills it then.
fn out_of_time(spent: Duration) -> Option<Failure> {
    let (_, most) = getrlimit(Resource::RLIMIT_CPU).ok()?;
    // A tick more or less: two clocks are compared.
    let used = reaped_cpu_time().saturating_sub(spent) + Duration::from_millis(20);
    (most != RLIM_INFINITY && used >= Duration::from_secs(most)).then(|| {
        Failure::NotMeasured(Obstacle {
            why: format!("RLIMIT_CPU allows a process {most} s of CPU time (ulimit -t)"),
            enable: "raise the limit on CPU time".to_owned(),
        })
    })
}

/// What a lie breaks may say so as it dies, where the C library and std abort: the report says it,
/// and nobody need read it twice. Where that is refused, it is read twice.
fn discard_standard_error() {
    if let Ok(nowhere) = File::options().write(true).open("/dev/null") {
        let _ = dup2_stderr(nowhere);
    }
}

/// Makes sure that /proc shows the processes by the numbers that they have here.
///
/// # Errors
/// It is not mounted, or is that of another PID namespace.
pub fn require_own_proc() -> Result<()> {
    observe::process::ensure_own_proc()
        .context("mount a proc file system of this PID namespace (unshare --mount-proc)")
}

/// Whether this is an error that came after so long that another run would not end in time: it has
/// waited for what did not come, and each wait knows how busy the machine is.
fn is_slow_error(verdict: &Verdict, spent: Duration) -> bool {
    matches!(verdict, Verdict::Error(_)) && spent > SLOW
}

/// Whether a busy machine may be the reason for this verdict, given whether values were `read`.
/// What was refused or broke would be so on a quiet machine as well, and must not hide behind the
/// noise.
fn may_be_noise(verdict: &Verdict, read: bool) -> bool {
    match verdict {
        Verdict::Error(_) => false,
        // Where values were read, it was an act that had no effect.
        Verdict::NotMeasured { .. } => read,
        Verdict::ControlFailed { .. }
        | Verdict::Holds
        | Verdict::HoldsWith(_)
        | Verdict::Refuted => true,
    }
}

/// Quantities that read as the experiment should: after a run with the arms exchanged, those of a
/// blind instrument.
pub(crate) fn still_as_claimed<'a>(claim: &'a Claim, report: &Report) -> Vec<&'a Quantity> {
    let as_claimed = |quantity: &&Quantity| {
        let observed = report.observed.get(quantity.name);
        observed.is_some_and(|value| quantity.experiment.allows(value))
    };
    claim.quantities.iter().filter(as_claimed).collect()
}

fn verdict_is_expected(claim: &Claim, report: &Report, order: Order) -> bool {
    match order {
        Order::AsClaimed => report.verdict.holds(),
        Order::Exchanged => {
            report.verdict == Verdict::Refuted && still_as_claimed(claim, report).is_empty()
        }
    }
}

fn into_failure(error: child::Error) -> Failure {
    anyhow::Error::new(error).into()
}

/// Names this process after the arm, for ps and for readers of a trace. Only a name that is too
/// long could be refused.
fn name_process(arm: Arm) {
    let _ = prctl::set_name(match arm {
        Arm::Experiment => c"experiment",
        Arm::Control => c"control",
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_came_late_is_final() {
        let broken = Verdict::Error("a connection: not seen within 10 s".to_owned());
        assert!(is_slow_error(&broken, 2 * SLOW));
        assert!(!is_slow_error(&broken, SLOW / 2));
        assert!(!is_slow_error(&Verdict::Refuted, 2 * SLOW));
    }

    #[test]
    fn noise_hides_neither_a_broken_set_up_nor_a_refusal() {
        let not_measured = Verdict::NotMeasured {
            why: String::new(),
            enable: String::new(),
        };
        let control_failed = Verdict::ControlFailed {
            why: String::new(),
            enable: String::new(),
        };
        let broken = Verdict::Error("sched_setaffinity CPU 1 did nothing".to_owned());
        for (verdict, read, explained) in [
            (&broken, false, false),
            (&broken, true, false),
            (&not_measured, false, false),
            // An act had no effect, which can be a matter of chance.
            (&not_measured, true, true),
            // The control did not come out: the instrument was disturbed.
            (&control_failed, true, true),
            (&Verdict::Refuted, true, true),
            // With the arms exchanged this verdict is the wrong one.
            (&Verdict::Holds, true, true),
        ] {
            assert_eq!(
                may_be_noise(verdict, read),
                explained,
                "{verdict:?}, {read}"
            );
        }
    }
}
