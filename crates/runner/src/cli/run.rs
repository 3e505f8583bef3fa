//! A run of claims: each is shown as it lands, the summary and the exit status come last.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use claim::{Claim, Document, Machine, Order, Partial, Register, Report, Summary, Topic};
use clap::{Args, Command};
use harness::interrupt::exit_status;
use nix::sys::signal::Signal;
use present::foreign_text::escape;
use present::{OutputFile, Progress, is_standard_output, print, print_data};

use super::select;
use crate::Isolation;
use crate::called::program_name;
use crate::machine::machine;
use crate::render::json;
use crate::render::page::{self, Companions};
use crate::render::text::tour::Columns;
use crate::render::text::{self, Layout};

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
    /// Show every number, table and note of each claim; implied where claims are named
    #[arg(short = 'v', long)]
    details: bool,
    /// Exit with status 4 where a claim could not be measured
    #[arg(long)]
    strict: bool,
    /// Write a report for a browser, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// What a run came to.
pub(super) struct Outcome {
    pub(super) document: Document,
    /// The signal that ended it.
    pub(super) signal: Option<Signal>,
    /// What the reader of the output had not taken by the end.
    unprinted: String,
}

impl RunArgs {
    /// A run of the tour that prints nothing as it goes on.
    pub(super) fn silent() -> RunArgs {
        RunArgs {
            json: true,
            ..RunArgs::default()
        }
    }

    /// Runs the claims, prints each as it lands, and returns the exit status. SIGINT, SIGTERM and
    /// SIGHUP end the run: what was measured by then is reported, and marked PARTIAL. `command` is
    /// the definition of the whole command line.
    ///
    /// # Errors
    /// An unknown name, or output that cannot be written.
    pub(super) fn run(
        &self,
        register: &Register,
        companions: Companions<'_>,
        command: &Command,
    ) -> Result<u8> {
        select::require_claims(register, &self.ids, command)?;
        if let Some(path) = &self.html {
            ensure!(
                !is_standard_output(path),
                "--html {} is standard output, where the run itself is printed: two documents for \
                 one file (`witness report` writes the page alone)",
                escape(path)
            );
        }
        let page = self.html.as_deref().map(OutputFile::at).transpose()?;
        let Outcome {
            document,
            signal,
            unprinted,
        } = self.outcome(register)?;
        // A page that cannot be written must not take the rest with it.
        let page_written = page.map_or(Ok(()), |page| {
            page.write(&page::render(register, companions, &document))
        });
        let summary = Summary::count(&document.reports);
        let layout = Layout::for_terminal();
        if self.json {
            print_data(&json::render(&document)?)?;
        } else {
            let counts = text::summary(&summary, document.partial.as_ref(), layout);
            let ending = self.ending(register, &document, command);
            print(&(unprinted + &counts + &ending))?;
        }
        page_written?;
        Ok(signal.map_or(summary.exit_status(self.strict), exit_status))
    }

    /// Runs the claims, and shows each as it lands.
    ///
    /// # Errors
    /// An unknown name, or output that cannot be written.
    pub(super) fn outcome(&self, register: &Register) -> Result<Outcome> {
        let claims = select::claims(register, &self.ids, self.topic.as_deref())?;
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
        Ok(Outcome {
            document: Document {
                machine,
                reports,
                partial,
            },
            signal,
            unprinted,
        })
    }

    /// Whether each claim is shown with all that is known of it, or in a line.
    fn in_detail(&self) -> bool {
        self.details || !self.ids.is_empty()
    }

    /// What follows the counts: nothing where claims are shown in detail, or a signal came.
    fn ending(&self, register: &Register, document: &Document, command: &Command) -> String {
        let Document {
            reports, partial, ..
        } = document;
        if self.in_detail() || partial.is_some() {
            return String::new();
        }
        let words: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        let layout = Layout::for_terminal();
        let program = program_name(command.get_name(), text::tour::room(layout));
        text::tour::ending(register, reports, &program, &words, layout)
    }

    /// The reports of the claims that were measured before a signal came, each shown as it lands;
    /// and what of them the reader of the output had not taken by then.
    fn measure(
        &self,
        claims: &[(&Topic, &Claim)],
        machine: &Machine,
        isolation: &mut Isolation,
    ) -> Result<(Vec<Report>, String)> {
        let view = View::new(self.in_detail(), claims);
        let mut progress = Progress::new(claims.len() as u64, "claims");
        let mut unprinted = String::new();
        let mut show = |text: String, isolation: &Isolation| -> Result<()> {
            if !self.json {
                unprinted += &text;
                unprinted = isolation.print(&unprinted)?.to_owned();
            }
            Ok(())
        };
        show(view.header(machine), isolation)?;
        let mut shown = "";
        let mut reports = Vec::new();
        for (topic, claim) in claims {
            if shown != topic.name {
                shown = topic.name;
                show(view.topic(topic), isolation)?;
            }
            progress.show(reports.len() as u64, claim.id);
            let report = isolation.run(topic, claim, Order::AsClaimed);
            progress.clear();
            let Some(report) = report else {
                break;
            };
            show(view.claim(claim, &report), isolation)?;
            reports.push(report);
        }
        Ok((reports, unprinted))
    }
}

/// How claims are shown as they land.
enum View {
    /// A line each.
    Tour(Columns),
    /// Every number, table and note.
    Details(Layout),
}

impl View {
    fn new(in_detail: bool, claims: &[(&Topic, &Claim)]) -> View {
        match in_detail {
            true => View::Details(Layout::for_terminal()),
            false => {
                let claims = claims.iter().map(|(_, claim)| *claim);
                View::Tour(Columns::new(claims, Layout::for_table()))
            }
        }
    }

    fn header(&self, machine: &Machine) -> String {
        match self {
            View::Tour(columns) => {
                text::identity("", machine, Layout::for_terminal()) + &columns.heading()
            }
            View::Details(layout) => text::header(machine, *layout),
        }
    }

    fn topic(&self, topic: &Topic) -> String {
        match self {
            View::Tour(columns) => columns.topic(topic),
            View::Details(layout) => text::topic(topic, *layout),
        }
    }

    fn claim(&self, claim: &Claim, report: &Report) -> String {
        match self {
            View::Tour(columns) => columns.claim(claim, report),
            View::Details(layout) => text::claim(claim, report, *layout),
        }
    }
}
