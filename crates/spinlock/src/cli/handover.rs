//! `spinlock handover`: a robust mutex whose holder is killed.

use anyhow::Result;
use clap::Args;
use present::print_document;
use runner::whole_number;
use spinlock::compare::render::nanoseconds;
use spinlock::handover::{self, Handovers};

/// A holder is forked, killed and reaped in about a millisecond: these last a quarter of an hour.
const MOST_TRIES: usize = 1_000_000;

/// How often to try.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "\
Exit status:
  0        every lock was handed on
  1        a lock was not handed on
  2        an error")]
pub struct HandoverArgs {
    /// Holders to kill
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = whole_number(1..=MOST_TRIES))]
    tries: usize,
    /// Write one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl HandoverArgs {
    /// Measures, prints, and returns the exit status.
    pub fn run(&self) -> Result<u8> {
        let handovers = handover::measure(self.tries)?;
        print_document(self.json, &handovers, || sentence(&handovers))?;
        Ok(u8::from(handovers.handed_on < handovers.tries))
    }
}

fn sentence(handovers: &Handovers) -> String {
    format!(
        "{} of {} locks were handed on after SIGKILL of their holder, {} within 5 ms; \
         median {}, slowest {}\n",
        handovers.handed_on,
        handovers.tries,
        handovers.within_5_ms,
        nanoseconds(handovers.median_ns),
        nanoseconds(handovers.max_ns),
    )
}
