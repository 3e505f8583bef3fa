//! `spinlock handover`: a robust mutex whose holder is killed.

use anyhow::Result;
use clap::Args;
use harness::interrupt::Interrupt;
use present::print_document;
use runner::whole_number;
use spinlock::compare::render::nanoseconds;
use spinlock::handover::{self, Handovers};

/// A holder is forked, killed and reaped in about a millisecond: these last a quarter of an hour.
const MAX_TRIES: usize = 1_000_000;

/// How often to try.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "\
Exit status:
  0        every lock was handed on
  1        a lock was not handed on
  2        an error
  128 + N  signal N (INT, TERM, HUP) ended the run: what was measured by then
           is reported and marked PARTIAL

Examples:
  spinlock handover
  spinlock handover --tries 100 --json")]
pub struct HandoverArgs {
    /// Holders to kill
    #[arg(long, default_value_t = 1000, value_name = "N",
          value_parser = whole_number(1..=MAX_TRIES))]
    tries: usize,
    /// Write one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl HandoverArgs {
    /// Measures, prints, and returns the exit status.
    pub fn run(&self) -> Result<u8> {
        let interrupt = Interrupt::catch()?;
        let handovers = handover::measure(self.tries, &interrupt)?;
        // A signal is noticed even while the reader of the output lets it wait.
        drop(interrupt);
        let partial = handovers.partial;
        print_document(self.json, &handovers, || {
            let heading = partial.map(|partial| partial.heading());
            heading.unwrap_or_default() + &sentence(&handovers)
        })?;
        Ok(match partial {
            Some(partial) => partial.exit_status(),
            None => u8::from(handovers.handed_on < handovers.tries),
        })
    }
}

fn show_time(ns: Option<f64>) -> String {
    ns.map_or_else(|| "-".to_owned(), nanoseconds)
}

fn sentence(handovers: &Handovers) -> String {
    format!(
        "{} of {} locks were handed on after SIGKILL of their holder, {} within 5 ms; \
         median {}, slowest {}\n",
        handovers.handed_on,
        handovers.tries,
        handovers.within_5_ms,
        show_time(handovers.median_ns),
        show_time(handovers.max_ns),
    )
}
