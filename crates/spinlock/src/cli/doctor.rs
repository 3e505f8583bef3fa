//! `spinlock doctor`: what waiting costs here, and which lock follows from it.

use anyhow::{Context as _, Result};
use clap::Args;
use harness::interrupt::Interrupt;
use present::{print_document, terminal_width};
use runner::whole_number;
use serde_json::json;
use spinlock::compare::window::Regime;
use spinlock::doctor::advice::{Advice, advise, cases};
use spinlock::doctor::{self, Findings};

use super::{NANOSECONDS, THREADS};

/// Which case to advise on.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "\
Exit status:
  0        measured
  2        an error
  128 + N  signal N (INT, TERM, HUP) ended the run: what was measured by then
           is reported and marked PARTIAL

Examples:
  spinlock doctor
  spinlock doctor --threads 8 --critical 1000 --think 1000")]
pub struct DoctorArgs {
    /// Threads that will contend [default: several cases]
    #[arg(long, value_name = "N", value_parser = whole_number(THREADS))]
    threads: Option<usize>,
    /// Length of their critical section in nanoseconds; 0 is one increment
    #[arg(long, default_value_t = 0, value_name = "NS", requires = "threads",
          value_parser = whole_number(NANOSECONDS))]
    critical: u64,
    /// Time between two sections in nanoseconds
    #[arg(long, default_value_t = 0, value_name = "NS", requires = "threads",
          value_parser = whole_number(NANOSECONDS))]
    think: u64,
    /// Write one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl DoctorArgs {
    /// Measures, advises, prints, and returns the exit status.
    pub fn run(&self) -> Result<u8> {
        let interrupt = Interrupt::catch()?;
        let findings = doctor::measure(&interrupt).context("doctor")?;
        let Findings { costs, partial } = findings;
        let regimes = match self.threads {
            None => cases(costs.cpus),
            Some(threads) => vec![Regime {
                threads,
                critical_ns: self.critical,
                think_ns: self.think,
            }],
        };
        // Advice out of half the costs could be wrong: there is none then.
        let advice: Vec<Advice> = match partial {
            None => regimes
                .iter()
                .filter_map(|&case| advise(&costs, case))
                .collect(),
            Some(_) => Vec::new(),
        };
        let mut document = json!({"schema": 1, "costs": costs, "advice": advice});
        if let Some(partial) = partial {
            document["partial"] = json!(partial);
        }
        // A signal is noticed even while the reader of the output lets it wait.
        drop(interrupt);
        print_document(self.json, &document, || {
            doctor::render::text(&findings, &advice, terminal_width())
        })?;
        Ok(partial.map_or(0, |partial| partial.exit_status()))
    }
}
