//! The command line that the binaries share: run, list, explain, self-test, and how a run ends.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::render::{html, json, text};
use anyhow::{Context, Result};
use claim::{Document, Machine, Order, Register, Summary, Verdict};
use clap::Args;
use present::foreign_text::escape_lines;
use present::{OutputFile, print};

use crate::isolate::unturned;
use crate::{run_isolated, select};

/// Options of a run.
#[derive(Args, Clone, Debug, Default)]
pub struct RunArgs {
    /// Claims to run; all where none is named
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Only the claims of this topic
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// Print one JSON document instead of text (described in docs/json.md)
    #[arg(long)]
    pub json: bool,
    /// Show every quantity, table and note; implied where claims are named
    #[arg(long)]
    pub details: bool,
    /// Exit with status 4 where a claim could not be measured
    #[arg(long)]
    pub strict: bool,
    /// Write a report for a browser, too
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

impl RunArgs {
    /// Runs the claims, prints each as it lands, and returns the exit status.
    ///
    /// # Errors
    /// An unknown name, or output that cannot be written.
    pub fn run(&self, register: &Register) -> Result<u8> {
        let claims = select::claims(register, &self.ids, self.topic.as_deref())?;
        let page = self.html.as_deref().map(OutputFile::at).transpose()?;
        prepare()?;
        let machine = machine();
        let layout = layout(self.details || !self.ids.is_empty());
        let mut shown = String::new();
        if !self.json {
            print(&text::header(&machine, layout))?;
        }
        let mut reports = Vec::new();
        for claim in claims {
            if !self.json && shown != claim.topic {
                shown = claim.topic.to_owned();
                let topic = register
                    .topics()
                    .iter()
                    .find(|topic| topic.name == claim.topic);
                print(&topic.map(text::topic).unwrap_or_default())?;
            }
            let report = run_isolated(claim, Order::AsClaimed);
            if !self.json {
                print(&text::claim(claim, &report, layout))?;
            }
            reports.push(report);
        }
        let summary = Summary::of(&reports);
        let document = Document { machine, reports };
        if let Some(page) = page {
            page.write(&html::render(register, &document))?;
        }
        print(&if self.json {
            json::render(&document)?
        } else {
            text::summary(&summary)
        })?;
        Ok(summary.exit_status(self.strict))
    }
}

/// Prints every claim with its statement.
///
/// # Errors
/// Output that cannot be written.
pub fn list(register: &Register) -> Result<u8> {
    let layout = layout(false);
    let claims: String = register
        .topics()
        .iter()
        .map(|topic| {
            let rows: String = topic
                .claims
                .iter()
                .map(|claim| text::listed(claim, layout))
                .collect();
            text::topic(topic) + &rows
        })
        .collect();
    print(claims.trim_start_matches('\n'))?;
    Ok(0)
}

/// Prints everything that is known about one claim without running it.
///
/// # Errors
/// An unknown name, or output that cannot be written.
pub fn explain(register: &Register, id: &str) -> Result<u8> {
    print(&text::explain(select::one(register, id)?, layout(true)))?;
    Ok(0)
}

/// Options of a self-test.
#[derive(Args, Clone, Debug, Default)]
pub struct SelftestArgs {
    /// Claims to test; all where none is named
    #[arg(value_name = "ID")]
    ids: Vec<String>,
}

impl SelftestArgs {
    /// Runs claims with experiment and control exchanged. Each must be refuted, in every quantity: one
    /// that is not would hold whatever the kernel did. Status 4 where none could be measured.
    ///
    /// # Errors
    /// An unknown name, or output that cannot be written.
    pub fn run(&self, register: &Register) -> Result<u8> {
        let claims = select::claims(register, &self.ids, None)?;
        prepare()?;
        let mut status = 0;
        let (mut turned, mut not_measured) = (0, 0);
        for claim in &claims {
            let report = run_isolated(claim, Order::Exchanged);
            let blind = unturned(claim, &report);
            let outcome = match &report.verdict {
                Verdict::Refuted if blind.is_empty() => {
                    turned += 1;
                    "turned".to_owned()
                }
                Verdict::NotMeasured { why, .. } if report.observed.is_empty() => {
                    not_measured += 1;
                    format!("not measured: {why}")
                }
                Verdict::Error(why) => {
                    status = 2;
                    format!("BROKEN: {why}")
                }
                verdict => {
                    status = status.max(1);
                    let names: Vec<&str> = blind.iter().map(|quantity| quantity.name).collect();
                    let verdict = verdict.name().replace('_', " ");
                    format!("BLIND: {verdict}; did not turn: {}", names.join("; "))
                }
            };
            print(&format!("{:<32} {}\n", claim.id, escape_lines(&outcome)))?;
        }
        let count = claims.len();
        print(&format!(
            "\n{turned} of {count} turned, {not_measured} not measured here\n"
        ))?;
        Ok(if status == 0 && turned == 0 {
            4
        } else {
            status
        })
    }
}

/// What every run of claims needs first: a /proc that shows this process, and orphans that come here.
fn prepare() -> Result<()> {
    own_proc()?;
    Ok(child::adopt_orphans()?)
}

/// Makes sure that /proc shows the processes by the numbers that they have here.
///
/// # Errors
/// It is not mounted, or is that of another PID namespace.
pub fn own_proc() -> Result<()> {
    observe::process::own_proc()
        .context("mount a proc file system of this PID namespace (unshare --mount-proc)")
}

/// The exit status of a binary: that of the run, 0 for a reader who went away, 2 for an error, which
/// is told on standard error.
pub fn finish(result: Result<u8>) -> ExitCode {
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // eprintln would panic where standard error cannot be written either.
            let _ = writeln!(
                std::io::stderr(),
                "error: {}",
                escape_lines(&claim::told(&error))
            );
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |e: &std::io::Error| e.kind() == ErrorKind::BrokenPipe;
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref())
        .any(broken)
}

fn layout(details: bool) -> text::Layout {
    let width = present::terminal_width().unwrap_or(100);
    text::Layout {
        width: width.clamp(60, 110),
        details,
    }
}

fn machine() -> Machine {
    let observe::machine::Machine {
        kernel,
        architecture,
        cpus,
        page_size,
        uid,
    } = observe::machine::this();
    Machine {
        kernel,
        architecture,
        cpus,
        page_size,
        uid,
    }
}
