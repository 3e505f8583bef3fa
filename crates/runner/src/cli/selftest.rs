//! The self-test: claims with experiment and control exchanged, and under lies about their acts.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use anyhow::Result;
use claim::{ActReport, Claim, Order, Register, Report, Topic, Verdict};
use clap::Args;
use harness::interrupt::exit_status;
use harness::seccomp::{Filter, equivalents};
use present::print;

use super::select;
use crate::Isolation;
use crate::isolate::still_as_claimed;
use crate::render::text;

/// Options of a self-test.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct SelftestArgs {
    /// Claims to test; all where none is named
    #[arg(value_name = "ID")]
    ids: Vec<String>,
}

/// How long a claim has under a lie: one that waits for what a lie prevents has no verdict.
const LIE_LIMIT: Duration = Duration::from_secs(5);

/// So many of so many.
#[derive(Clone, Copy, Default)]
struct Share {
    good: usize,
    all: usize,
}

/// What became of the claims so far.
#[derive(Default)]
struct Tally {
    tested: usize,
    turned: usize,
    not_measured: usize,
    acts: Share,
    lies: Share,
    /// The exit status: 1 where a claim is blind or believes a lie, 2 where a set-up broke.
    status: u8,
}

impl SelftestArgs {
    /// Runs claims with experiment and control exchanged: each must be refuted, in every quantity,
    /// and one that is not would hold whatever the kernel did. Both arms must show their acts. Then
    /// the calls of its acts lie, one at a time, and there must be no verdict about the kernel.
    ///
    /// Status 4 where none could be measured. SIGINT, SIGTERM and SIGHUP end it as they end a run.
    ///
    /// # Errors
    /// An unknown name, or output that cannot be written.
    pub(super) fn run(&self, register: &Register) -> Result<u8> {
        let claims = select::claims(register, &self.ids, None)?;
        let layout = text::Layout::for_terminal();
        let mut isolation = Isolation::begin()?;
        let (mut tally, mut unprinted) = (Tally::default(), String::new());
        for (topic, claim) in &claims {
            let Some(outcome) = tally.test(&mut isolation, topic, claim) else {
                break;
            };
            unprinted += isolation.print(&text::outcome(claim.id, &outcome, layout))?;
        }
        let signal = isolation.end();
        print(&unprinted)?;
        if let Some(signal) = signal.filter(|_| tally.tested < claims.len()) {
            let (tested, count, signal) = (tally.tested, claims.len(), signal.as_str());
            print(&format!(
                "\nPARTIAL: {tested} of {count} claims were tested before {signal}\n"
            ))?;
        }
        print(&text::paragraph(&tally.to_string(), layout))?;
        Ok(match signal {
            Some(signal) => exit_status(signal),
            None if tally.status == 0 && tally.turned == 0 => 4,
            None => tally.status,
        })
    }
}

impl Tally {
    /// Tests one claim, and says what became of it; nothing once a signal has come.
    fn test(&mut self, isolation: &mut Isolation, topic: &Topic, claim: &Claim) -> Option<String> {
        let report = isolation.run(topic, claim, Order::Exchanged)?;
        let is_measured = !report.observed.is_empty();
        let mut lies = Vec::new();
        if is_measured {
            for calls in acts_calls(claim) {
                let lie = Filter::answering(&calls, None).ok();
                let Some(lie) = lie.filter(is_possible) else {
                    continue;
                };
                let lied_to = isolation.run_under(&lie, LIE_LIMIT, topic, claim)?;
                lies.push((calls[0], lied_to.verdict));
            }
        }
        let mut outcome = self.count(claim, &report);
        self.tested += 1;
        if is_measured && !claim.acts.is_empty() {
            outcome += &self.count_acts(&report);
            outcome += &self.count_lies(&lies);
        }
        Some(outcome)
    }

    /// Counts a claim whose arms were exchanged, and says what became of it.
    fn count(&mut self, claim: &Claim, report: &Report) -> String {
        let blind = still_as_claimed(claim, report);
        match &report.verdict {
            Verdict::Refuted if blind.is_empty() => {
                self.turned += 1;
                "turned".to_owned()
            }
            Verdict::NotMeasured { why, .. } if report.observed.is_empty() => {
                self.not_measured += 1;
                format!("not measured: {why}")
            }
            Verdict::Error(why) => {
                self.status = 2;
                format!("BROKEN: {why}")
            }
            verdict => {
                self.status = self.status.max(1);
                let names: Vec<&str> = blind.iter().map(|quantity| quantity.name).collect();
                let verdict = verdict.name().replace('_', " ");
                format!("BLIND: {verdict}; did not turn: {}", names.join("; "))
            }
        }
    }

    /// Counts the acts of a claim that the experiment showed: with exchanged arms it stands in the
    /// control's place.
    fn count_acts(&mut self, report: &Report) -> String {
        let seen = |act: &&ActReport| act.control == Some(true);
        let share = Share {
            good: report.acts.iter().filter(seen).count(),
            all: report.acts.len(),
        };
        self.acts += share;
        format!("; {share} acts seen")
    }

    /// Counts the lies that a claim was told, each with its verdict.
    fn count_lies(&mut self, lies: &[(&str, Verdict)]) -> String {
        let believes = |verdict: &Verdict| verdict.holds() || *verdict == Verdict::Refuted;
        let mut text = String::new();
        for (call, verdict) in lies.iter().filter(|(_, verdict)| believes(verdict)) {
            self.status = self.status.max(1);
            let verdict = verdict.name().replace('_', " ");
            text += &format!("; BELIEVES a lie of {call}: {verdict}");
        }
        let survived = lies.iter().filter(|(_, verdict)| !believes(verdict));
        let share = Share {
            good: survived.count(),
            all: lies.len(),
        };
        self.lies += share;
        format!("; {share} lies survived{text}")
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            tested,
            turned,
            not_measured,
            acts,
            lies,
            ..
        } = self;
        write!(
            f,
            "{turned} of {tested} turned, {not_measured} not measured here; "
        )?;
        write!(f, "{acts} acts seen; {lies} lies survived")
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.good, self.all)
    }
}

impl AddAssign for Share {
    fn add_assign(&mut self, other: Share) {
        self.good += other.good;
        self.all += other.all;
    }
}

/// The calls of a claim's acts, each once, with the names under which the C library may make it.
fn acts_calls(claim: &Claim) -> Vec<Vec<&'static str>> {
    let mut calls = Vec::new();
    for call in claim.acts.iter().filter_map(|act| act.call) {
        let names = equivalents(call.name);
        if !calls.contains(&names) {
            calls.push(names);
        }
    }
    calls
}

/// Whether this kernel lets a process install the filter.
fn is_possible(filter: &Filter) -> bool {
    let trial = child::fork("filter", |_| Ok(filter.install()?));
    trial.and_then(|trial| trial.join()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the tally says of a claim to which a call lied, and the exit status.
    fn words_and_status(verdict: Verdict) -> (String, u8) {
        let mut tally = Tally::default();
        let text = tally.count_lies(&[
            ("flock", Verdict::Error("no lock".into())),
            ("bind", verdict),
        ]);
        (text, tally.status)
    }

    #[test]
    fn a_claim_with_a_verdict_under_a_lie_believes_it() {
        let kept = (String::from("; 2 of 2 lies survived"), 0);
        assert_eq!(
            words_and_status(Verdict::Error("no such port".into())),
            kept
        );
        for (verdict, name) in [
            (Verdict::Holds, "holds"),
            (Verdict::HoldsWith("a caveat".into()), "holds with"),
            (Verdict::Refuted, "refuted"),
        ] {
            let text = format!("; 1 of 2 lies survived; BELIEVES a lie of bind: {name}");
            assert_eq!(words_and_status(verdict), (text, 1));
        }
    }
}
