//! `address-space replay`: `input` opens the trace, `output` the files that are written.

mod input;
mod output;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use harness::interrupt::{Interrupt, exit_status};
use present::units::bytes;
use present::{Progress, print_document, terminal_width};
use replay::source::DEFAULT_KEPT_OPERATIONS;
use replay::svg::svg;
use replay::table::table;
use replay::{self, ReplayOptions, ReplayReport, Source};
use runner::{byte_size, whole_number};

use input::{Form, LoadName};

/// The most operations that may be kept in memory, 4 GiB of them.
const MAX_KEPT_OPERATIONS: usize = 1 << 28;

/// What to replay, and how to show it.
#[derive(Args)]
#[command(after_long_help = "\
A trace is the output of `valgrind --tool=memcheck --trace-malloc=yes
--log-file=FILE PROGRAM`, a malloc-lab .rep file, or lines `a ID SIZE`,
`r ID SIZE`, `f ID` as `address-space record` writes them. Sizes are bytes;
arguments may say K, M, G or T (binary).

Exit status:
  0        replayed
  2        an error: no such trace, or output could not be written
  128 + N  signal N (INT, TERM, HUP) ended the replay: what is known by then is
           shown and marked PARTIAL

Examples:
  address-space record -- ls -lR /usr | address-space replay -
  address-space replay --generate segments --svg memory.svg
  address-space replay ls.trace --page-sizes 4K,2M --json")]
pub struct Arguments {
    /// The trace; - reads standard input
    #[arg(
        required_unless_present = "generate",
        conflicts_with = "generate",
        value_name = "FILE"
    )]
    trace: Option<PathBuf>,
    /// Replay a synthetic load instead
    #[arg(long, value_name = "KIND")]
    generate: Option<LoadName>,
    /// Seed of the synthetic load
    #[arg(long, default_value_t = 1, requires = "generate", value_name = "N",
          value_parser = whole_number(0..=u64::MAX))]
    seed: u64,
    /// Operations of the synthetic load
    #[arg(long, default_value_t = 100_000, requires = "generate", value_name = "N",
          value_parser = whole_number(1..=16_777_216_u64))]
    operations: u64,
    /// Form of the trace, when its first line does not tell
    #[arg(long, value_name = "FORM")]
    format: Option<Form>,
    /// Arena for the count of failed requests [default: 1.1 times the peak of live bytes]
    #[arg(long, value_name = "BYTES", value_parser = byte_size)]
    arena: Option<u64>,
    /// Page sizes
    #[arg(long, value_name = "BYTES,...", value_delimiter = ',', value_parser = page_size,
          default_values = ["512", "4K", "16K", "64K", "256K", "2M"])]
    page_sizes: Vec<u64>,
    /// Do not look for the smallest arena: one pass in the given arena
    #[arg(long)]
    no_search: bool,
    /// Keep so many operations in memory (16 bytes each); a longer trace is read again for every
    /// pass, from its file or, where it came through a pipe, from a temporary file in $TMPDIR or
    /// /var/tmp
    #[arg(long, value_name = "N", default_value_t = DEFAULT_KEPT_OPERATIONS,
          value_parser = whole_number(0..=MAX_KEPT_OPERATIONS))]
    keep: usize,
    /// Lay the given arena over real memory and check every byte of every block
    #[arg(long)]
    real: bool,
    /// Write the result as JSON (sizes in bytes, shares 0 to 1)
    #[arg(long)]
    json: bool,
    /// Draw memory over time into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the trace in the plain form into this file
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

/// Runs the subcommand.
pub fn run(arguments: &Arguments) -> Result<u8> {
    let page_sizes = page_sizes(arguments)?;
    // Before anything is read: an output file that cannot be written must not cost a whole replay.
    let files = output::files(arguments)?;
    let interrupt = Interrupt::catch()?;
    let source = input::source(arguments, &interrupt)?;
    files.save(&source, &interrupt)?;
    if interrupt.last().is_some() && !source.is_interrupted() {
        // While the trace was saved; what was saved is marked.
        return Ok(status(&interrupt));
    }
    let options = ReplayOptions {
        page_sizes,
        arena: arguments.arena,
        search: !arguments.no_search,
        ..ReplayOptions::default()
    };
    // A streamed trace takes minutes a pass; a kept one is done before a line could be read.
    let mut progress = source.is_streamed().then(Progress::without_total);
    let show_pass = |pass: &str| {
        if let Some(progress) = &mut progress {
            progress.show(0, pass);
        }
    };
    let mut report = replay::replay(&source, &options, &interrupt, show_pass)?;
    drop(progress);
    if arguments.real && interrupt.last().is_none() {
        check_real_memory(&source, &options, &interrupt, &mut report)?;
    }
    if interrupt.last().is_none()
        && let Some(signal) = interrupt.take()
    {
        report.mark_partial(format!(
            "interrupted by {} when all was done",
            signal.as_str()
        ));
    }
    let status = status(&interrupt);
    // From here on a signal ends the process: writing the result may wait for its reader.
    drop(interrupt);
    print_document(arguments.json, &report, || table(&report, terminal_width()))?;
    if let Some(file) = files.svg {
        file.write(&svg(&report))?;
    }
    Ok(status)
}

/// Adds the check of real memory to the report.
fn check_real_memory(
    source: &Source,
    options: &ReplayOptions,
    interrupt: &Interrupt,
    report: &mut ReplayReport,
) -> Result<()> {
    let check = replay::real::check(source, options, report.given_arena_bytes, interrupt)?;
    if let Some(signal) = check.interrupted {
        report.mark_partial(format!(
            "interrupted by {} in the check of real memory, after {} of {} policies",
            signal.as_str(),
            check.policies.len(),
            report.policies.len()
        ));
    }
    report.real_memory = Some(check.policies);
    Ok(())
}

/// The smallest page: the least that a block of a heap takes.
const SMALLEST_PAGE: u64 = 16;

/// A page size as processors have them: an address is a page's number and an offset in it.
fn page_size(text: &str) -> Result<u64, String> {
    let size = byte_size(text)?;
    match size.is_power_of_two() && size >= SMALLEST_PAGE {
        true => Ok(size),
        false => Err(format!("it takes powers of two from {SMALLEST_PAGE} bytes")),
    }
}

/// The page sizes from small to large, each once.
fn page_sizes(arguments: &Arguments) -> Result<Vec<u64>> {
    let mut sizes = arguments.page_sizes.clone();
    sizes.sort_unstable();
    if let Some(pair) = sizes.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!(
            "--page-sizes: {} bytes ({}) given more than once",
            pair[0],
            bytes(pair[0])
        );
    }
    Ok(sizes)
}

/// The exit status: that of a signal where one came, else 0.
fn status(interrupt: &Interrupt) -> u8 {
    interrupt.last().map_or(0, exit_status)
}
