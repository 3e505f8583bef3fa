//! Replays the trace in the file given, or a synthetic load, through every policy and page size.
#![allow(clippy::print_stdout, reason = "an example shows something")]

use std::error::Error;
use std::path::Path;

use harness::interrupt::Interrupt;
use replay::source::DEFAULT_KEPT_OPERATIONS;
use replay::table::table;
use replay::trace::generate::{Load, generate};
use replay::{ReplayOptions, Source, replay};

fn main() -> Result<(), Box<dyn Error>> {
    harness::inherited::reset();
    let interrupt = Interrupt::catch()?;
    let source = match std::env::args_os().nth(1) {
        Some(file) => Source::open(Path::new(&file), None, DEFAULT_KEPT_OPERATIONS, &interrupt)?,
        None => Source::from_operations(generate(Load::Uniform, 20_000, 1).0),
    };
    let report = replay(&source, &ReplayOptions::default(), &interrupt, |_| {})?;
    print!("{}", table(&report, None));
    Ok(())
}
