//! `spinlock doctor`: what waiting costs here, and which lock follows from it.

use anyhow::{Context as _, Result};
use clap::Args;
use present::{print_document, terminal_width};
use runner::whole_number;
use serde_json::json;
use spinlock::compare::window::Regime;
use spinlock::doctor::{self, advice};

use super::{NANOSECONDS, THREADS};

/// Which case to advise on.
#[derive(Args, Clone, Debug)]
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
        let costs = doctor::measure().context("doctor")?;
        let cases = match self.threads {
            None => advice::cases(costs.cpus),
            Some(threads) => vec![Regime {
                threads,
                critical_ns: self.critical,
                think_ns: self.think,
            }],
        };
        let advice: Vec<_> = cases
            .into_iter()
            .map(|case| advice::advise(&costs, case))
            .collect();
        let document = json!({"schema": 1, "costs": costs, "advice": advice});
        print_document(self.json, &document, || {
            doctor::render::text(&costs, &advice, terminal_width())
        })?;
        Ok(0)
    }
}
