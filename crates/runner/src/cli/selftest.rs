//! The self-test: claims with experiment and control exchanged.

use anyhow::Result;
use claim::{Claim, Order, Register, Report, Verdict};
use clap::Args;
use harness::interrupt::exit_status;
use present::foreign_text::escape_controls;
use present::print;

use super::select;
use crate::Isolation;
use crate::isolate::still_as_claimed;

/// Options of a self-test.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct SelftestArgs {
    /// Claims to test; all where none is named
    #[arg(value_name = "ID")]
    ids: Vec<String>,
}

/// What became of the claims so far.
#[derive(Default)]
struct Tally {
    tested: usize,
    turned: usize,
    not_measured: usize,
    /// The exit status: 1 where a claim is blind, 2 where a set-up broke.
    status: u8,
}

impl SelftestArgs {
    /// Runs claims with experiment and control exchanged. Each must be refuted, in every quantity:
    /// one that is not would hold whatever the kernel did. Status 4 where none could be measured.
    /// SIGINT, SIGTERM and SIGHUP end it as they end a run.
    ///
    /// # Errors
    /// An unknown name, or output that cannot be written.
    pub(super) fn run(&self, register: &Register) -> Result<u8> {
        let claims = select::claims(register, &self.ids, None)?;
        let mut isolation = Isolation::begin()?;
        let (mut tally, mut unprinted) = (Tally::default(), String::new());
        for (topic, claim) in &claims {
            let Some(report) = isolation.run(topic, claim, Order::Exchanged) else {
                break;
            };
            let outcome = escape_controls(&tally.count(claim, &report));
            let line = format!("{:<32} {outcome}\n", claim.id);
            unprinted += isolation.print(&line)?;
        }
        let signal = isolation.end();
        print(&unprinted)?;
        let count = claims.len();
        let Tally {
            tested,
            turned,
            not_measured,
            status,
        } = tally;
        if let Some(signal) = signal.filter(|_| tested < count) {
            let signal = signal.as_str();
            print(&format!(
                "\nPARTIAL: {tested} of {count} claims were tested before {signal}\n"
            ))?;
        }
        print(&format!(
            "\n{turned} of {tested} turned, {not_measured} not measured here\n"
        ))?;
        Ok(match signal {
            Some(signal) => exit_status(signal),
            None if status == 0 && turned == 0 => 4,
            None => status,
        })
    }
}

impl Tally {
    /// Counts one claim, and says what became of it.
    fn count(&mut self, claim: &Claim, report: &Report) -> String {
        self.tested += 1;
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
}
