//! `address-space replay`.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use harness::interrupt::{Interrupt, exit_status};
use present::units::bytes;
use present::{OutputFile, print_document};
use replay::source::KEPT;
use replay::svg::svg;
use replay::table::table;
use replay::trace::generate::{Kind, generate};
use replay::trace::{Format, PARTIAL};
use replay::{self, Options, Source};
use runner::whole_number;

use super::parse_bytes;
use super::same_file::SameFile;

/// The most operations that may be kept in memory, 4 GiB of them.
const MOST_KEPT: usize = 1 << 28;

/// What to replay, and how to show it.
#[derive(Args)]
#[command(after_long_help = "\
A trace is the output of `valgrind --tool=memcheck --trace-malloc=yes --log-file=FILE PROGRAM`, a malloc-lab
.rep file, or lines `a ID SIZE`, `r ID SIZE`, `f ID` as `address-space record` writes them. Sizes are bytes;
arguments may say K, M or G (binary).

Exit status:
  0        replayed
  2        an error: no such trace, or output could not be written
  128 + N  signal N ended the replay; what is known by then is shown, marked PARTIAL

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
    generate: Option<LoadKind>,
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
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    arena: Option<u64>,
    /// Page sizes
    #[arg(long, value_name = "BYTES,...", value_delimiter = ',', value_parser = parse_bytes,
          default_values = ["512", "4K", "16K", "64K", "256K", "2M"])]
    page_sizes: Vec<u64>,
    /// Do not look for the smallest arena: one pass in the given arena
    #[arg(long)]
    no_search: bool,
    /// Keep so many operations in memory (16 bytes each); a longer trace is read again for every pass, from
    /// its file or, where it came through a pipe, from a temporary file in $TMPDIR or /var/tmp
    #[arg(long, value_name = "N", default_value_t = KEPT,
          value_parser = whole_number(0..=MOST_KEPT))]
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

/// The synthetic loads.
#[derive(Clone, Copy, ValueEnum)]
enum LoadKind {
    /// Whole segments of 1 to 408 KiB
    Segments,
    /// 1 to 4096 bytes, uniform
    Uniform,
    /// Mostly small, some very large
    Pareto,
    /// 2^k + 1 bytes
    Powers,
    /// Rounds of ever larger blocks, every second one freed
    Phases,
}

/// The written forms of a trace.
#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// valgrind --trace-malloc=yes
    Valgrind,
    /// malloc lab
    Rep,
    /// ours
    Plain,
}

/// Runs the subcommand.
pub fn run(arguments: &Arguments) -> Result<u8> {
    let page_sizes = page_sizes(arguments)?;
    // Before anything is read: a file that cannot be written costs nobody a replay.
    let (svg_file, save_file) = output_files(arguments)?;
    let interrupt = Interrupt::catch()?;
    let source = source(arguments, &interrupt)?;
    if let (Some(file), Some(path)) = (save_file, &arguments.save) {
        let name = || format!("write {}", path.display());
        save(&source, file.open()?, &interrupt).with_context(name)?;
    }
    if interrupt.last().is_some() && !source.interrupted() {
        // In the saving; what was saved says so.
        return Ok(status(&interrupt));
    }
    let options = Options {
        page_sizes,
        arena: arguments.arena,
        search: !arguments.no_search,
        ..Options::default()
    };
    // A streamed trace takes minutes a pass; a kept one is done before a line could be read.
    let talk = io::stderr().is_terminal() && source.streamed();
    let progress = |line: &str| {
        if talk {
            let _ = writeln!(io::stderr(), "{line}");
        }
    };
    let mut report = replay::replay(&source, &options, &interrupt, progress)?;
    if arguments.real && interrupt.last().is_none() {
        let arena = report.given_arena_bytes;
        let (checked, cut) = replay::real::check(&source, &options, arena, &interrupt)?;
        if let Some(signal) = cut {
            report.cut(format!(
                "interrupted by {} in the check of real memory, after {} of {} policies",
                signal.as_str(),
                checked.len(),
                report.policies.len()
            ));
        }
        report.real_memory = Some(checked);
    }
    if interrupt.last().is_none()
        && let Some(signal) = interrupt.take()
    {
        report.cut(format!(
            "interrupted by {} when all was done",
            signal.as_str()
        ));
    }
    let status = status(&interrupt);
    // From here on a signal ends the process: it may wait for who reads.
    drop(interrupt);
    print_document(arguments.json, &report, || table(&report))?;
    if let Some(file) = svg_file {
        file.write(&svg(&report))?;
    }
    Ok(status)
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

/// The exit status: that of a signal where one came.
fn status(interrupt: &Interrupt) -> u8 {
    interrupt.last().map_or(0, exit_status)
}

/// The files to write: --svg and --save. Neither may be the trace, which is read again in each pass, nor
/// take the other's place or that of the result.
fn output_files(arguments: &Arguments) -> Result<(Option<OutputFile>, Option<OutputFile>)> {
    let trace = match arguments.trace.as_deref() {
        Some(path) if path == Path::new("-") => SameFile::open(io::stdin()),
        path => path.and_then(SameFile::at),
    };
    let result = SameFile::open(io::stdout());
    let file = |path: &Path| -> Result<OutputFile> {
        let this = SameFile::at(path);
        let name = path.display();
        ensure!(
            this.is_none() || this != trace,
            "{name}: is the trace itself"
        );
        ensure!(
            this.is_none() || this != result,
            "{name}: is standard output, where the result goes"
        );
        OutputFile::at(path)
    };
    let (svg, save) = (arguments.svg.as_deref(), arguments.save.as_deref());
    let files = (svg.map(file).transpose()?, save.map(file).transpose()?);
    if let (Some(svg), Some(save)) = (svg, save) {
        let (one, other) = (SameFile::at(svg), SameFile::at(save));
        ensure!(
            one.is_none() || one != other,
            "--svg {} and --save {}: are the same file",
            svg.display(),
            save.display()
        );
    }
    Ok(files)
}

fn source(arguments: &Arguments, interrupt: &Interrupt) -> Result<Source> {
    let format = arguments.format.map(|form| match form {
        Form::Valgrind => Format::Valgrind,
        Form::Rep => Format::Rep,
        Form::Plain => Format::Plain,
    });
    if let Some(kind) = arguments.generate {
        let kind = match kind {
            LoadKind::Segments => Kind::Segments,
            LoadKind::Uniform => Kind::Uniform,
            LoadKind::Pareto => Kind::Pareto,
            LoadKind::Powers => Kind::Powers,
            LoadKind::Phases => Kind::Phases,
        };
        let (ops, summary) = generate(kind, arguments.operations, arguments.seed);
        return Ok(Source::made(ops, summary));
    }
    let keep = arguments.keep;
    match arguments.trace.as_deref() {
        None => unreachable!("clap asks for a trace or --generate"),
        Some(path) if path == Path::new("-") => {
            // Its own buffer would hide from poll(2) what is there.
            let pipe = io::stdin().as_fd().try_clone_to_owned();
            let pipe = File::from(pipe.context("dup of standard input")?);
            Source::from_pipe(pipe, format, keep, interrupt).context("trace on standard input")
        }
        Some(path) => {
            let name = || format!("trace {}", path.display());
            let meta = std::fs::metadata(path).with_context(name)?;
            ensure!(!meta.is_dir(), "trace {}: is a directory", path.display());
            if meta.is_file() {
                return Source::open(path, format, keep, interrupt).with_context(name);
            }
            let pipe = File::open(path).with_context(name)?;
            Source::from_pipe(pipe, format, keep, interrupt).with_context(name)
        }
    }
}

fn save(source: &Source, file: File, interrupt: &Interrupt) -> Result<()> {
    let mut output = BufWriter::new(file);
    let mut outcome = Ok(());
    let cut = source.each(interrupt, |op| {
        outcome = writeln!(output, "{op}");
        outcome.is_ok()
    })?;
    outcome?;
    let why = match cut {
        Some(signal) => Some(format!("interrupted by {}", signal.as_str())),
        None => source.summary().partial.clone(),
    };
    if let Some(why) = why {
        writeln!(output, "{PARTIAL}{why}")?;
    }
    Ok(output.flush()?)
}
