//! `address-space replay`.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use address_space::replay::{self, Options, Source, svg::svg, table::table};
use address_space::trace::Format;
use address_space::trace::generate::{Kind, generate};
use address_space::units::bytes;
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};

use super::{emit, parse_bytes};

/// What to replay, and how to show it.
#[derive(Args)]
#[command(after_help = "\
A trace is the output of `valgrind --tool=memcheck --trace-malloc=yes --log-file=FILE PROGRAM`, a malloc-lab
.rep file, or lines `a ID SIZE`, `r ID SIZE`, `f ID` as `address-space record` writes them. Sizes are bytes;
arguments may say K, M or G (binary).

  address-space record -- ls -lR /usr | address-space replay -
  address-space replay --generate segments --svg memory.svg")]
pub struct Arguments {
    /// The trace; - reads standard input
    #[arg(required_unless_present = "generate", conflicts_with = "generate")]
    trace: Option<PathBuf>,
    /// Replay a synthetic load instead
    #[arg(long, value_name = "KIND")]
    generate: Option<LoadKind>,
    /// Seed of the synthetic load
    #[arg(long, default_value_t = 1, requires = "generate")]
    seed: u64,
    /// Operations of the synthetic load
    #[arg(long, default_value_t = 100_000, requires = "generate", value_parser = clap::value_parser!(u64).range(1..=16_777_216))]
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
    let source = source(arguments)?;
    if let Some(path) = &arguments.save {
        save(&source, path).with_context(|| format!("write {}", path.display()))?;
    }
    let options = Options {
        page_sizes,
        arena: arguments.arena,
        search: !arguments.no_search,
        ..Options::default()
    };
    // A streamed trace takes minutes a pass; a kept one is done before a line could be read.
    let talk = io::stderr().is_terminal() && matches!(source, Source::Streamed { .. });
    let progress = |line: &str| {
        if talk {
            eprintln!("{line}");
        }
    };
    let mut report = replay::replay(&source, &options, progress)?;
    if arguments.real {
        report.real_memory = Some(replay::real::check(
            &source,
            &options,
            report.given_arena_bytes,
        )?);
    }
    if let Some(path) = &arguments.svg {
        std::fs::write(path, svg(&report)).with_context(|| format!("write {}", path.display()))?;
    }
    emit(arguments.json, &report, || table(&report))?;
    Ok(0)
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

fn source(arguments: &Arguments) -> Result<Source> {
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
        return Ok(Source::Kept(ops, summary));
    }
    match arguments.trace.as_deref() {
        None => unreachable!("clap asks for a trace or --generate"),
        Some(path) if path == Path::new("-") => {
            Source::from_pipe(io::stdin().lock(), format).context("trace on standard input")
        }
        Some(path) => {
            let name = || format!("trace {}", path.display());
            let meta = std::fs::metadata(path).with_context(name)?;
            ensure!(!meta.is_dir(), "trace {}: is a directory", path.display());
            if meta.is_file() {
                return Source::open(path, format).with_context(name);
            }
            let pipe = File::open(path).with_context(name)?;
            Source::from_pipe(io::BufReader::new(pipe), format).with_context(name)
        }
    }
}

fn save(source: &Source, path: &Path) -> Result<()> {
    let mut output = BufWriter::new(File::create(path)?);
    let mut outcome = Ok(());
    source.each(|op| {
        outcome = writeln!(output, "{op}");
        outcome.is_ok()
    })?;
    outcome?;
    Ok(output.flush()?)
}
