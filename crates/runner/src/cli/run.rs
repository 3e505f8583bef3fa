//! A run of claims: each is shown as it lands, the summary and the exit status come last.

use std::path::PathBuf;

use anyhow::Result;
use claim::{Claim, Document, Machine, Order, Partial, Register, Report, Summary, Topic};
use clap::Args;
use harness::interrupt::exit_status;
use present::{OutputFile, print};

use super::select;
use crate::Isolation;
use crate::machine::machine;
use crate::render::{html, json, text};

/// Options of a run.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct RunArgs {
    /// Claims to run; all where none is named
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Only the claims of this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Print one JSON document instead of text (described in docs/json.md)
    #[arg(long)]
    json: bool,
    /// Show every quantity, table and note; implied where claims are named
    #[arg(long)]
    details: bool,
    /// Exit with status 4 where a claim could not be measured
    #[arg(long)]
    strict: bool,
    /// Write a report for a browser, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl RunArgs {
    /// Runs the claims, prints each as it lands, and returns the exit status. SIGINT, SIGTERM and
    /// SIGHUP end the run: what was measured by then is reported, and marked PARTIAL.
    ///
    /// # Errors
    /// An unknown name, or output that cannot be written.
    pub(super) fn run(&self, register: &Register) -> Result<u8> {
        let claims = select::claims(register, &self.ids, self.topic.as_deref())?;
        let page = self.html.as_deref().map(OutputFile::at).transpose()?;
        let machine = machine();
        let mut isolation = Isolation::begin()?;
        let (reports, unprinted) = self.measure(&claims, &machine, &mut isolation)?;
        // From here on a signal ends this process: a reader of the output may let it wait.
        let signal = isolation.end();
        let partial = signal
            .filter(|_| reports.len() < claims.len())
            .map(|signal| Partial {
                signal: signal.as_str().to_owned(),
                measured: reports.len(),
                claims: claims.len(),
            });
        let document = Document {
            machine,
            reports,
            partial,
        };
        if let Some(page) = page {
            page.write(&html::render(register, &document))?;
        }
        let summary = Summary::count(&document.reports);
        print(&if self.json {
            json::render(&document)?
        } else {
            unprinted + &text::summary(&summary, document.partial.as_ref(), self.layout())
        })?;
        Ok(signal.map_or(summary.exit_status(self.strict), exit_status))
    }

    fn layout(&self) -> text::Layout {
        text::Layout::for_terminal(self.details || !self.ids.is_empty())
    }

    /// The reports of the claims that were measured before a signal came, each shown as it lands;
    /// and what of them the reader of the output had not taken by then.
    fn measure(
        &self,
        claims: &[(&Topic, &Claim)],
        machine: &Machine,
        isolation: &mut Isolation,
    ) -> Result<(Vec<Report>, String)> {
        let layout = self.layout();
        let mut unprinted = String::new();
        let mut show = |text: String, isolation: &Isolation| -> Result<()> {
            if !self.json {
                unprinted += &text;
                unprinted = isolation.print(&unprinted)?.to_owned();
            }
            Ok(())
        };
        show(text::header(machine, layout), isolation)?;
        let mut shown = "";
        let mut reports = Vec::new();
        for (topic, claim) in claims {
            if shown != topic.name {
                shown = topic.name;
                show(text::topic(topic, layout), isolation)?;
            }
            let Some(report) = isolation.run(topic, claim, Order::AsClaimed) else {
                break;
            };
            show(text::claim(claim, &report, layout), isolation)?;
            reports.push(report);
        }
        Ok((reports, unprinted))
    }
}
