//! The operations to replay: a synthetic load, a file, or a pipe.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use harness::interrupt::Interrupt;
use present::foreign_text::escape;
use replay::Source;
use replay::trace::Format;
use replay::trace::generate::{Load, generate};

use super::Arguments;

/// The synthetic loads.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum LoadName {
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
pub(super) enum Form {
    /// valgrind --trace-malloc=yes
    Valgrind,
    /// malloc lab
    Rep,
    /// ours
    Plain,
}

impl From<LoadName> for Load {
    fn from(name: LoadName) -> Load {
        match name {
            LoadName::Segments => Load::Segments,
            LoadName::Uniform => Load::Uniform,
            LoadName::Pareto => Load::Pareto,
            LoadName::Powers => Load::Powers,
            LoadName::Phases => Load::Phases,
        }
    }
}

impl From<Form> for Format {
    fn from(form: Form) -> Format {
        match form {
            Form::Valgrind => Format::Valgrind,
            Form::Rep => Format::Rep,
            Form::Plain => Format::Plain,
        }
    }
}

/// Generates the load, or reads the trace to its end.
pub(super) fn source(arguments: &Arguments, interrupt: &Interrupt) -> Result<Source> {
    if let Some(load) = arguments.generate {
        let (operations, _) = generate(load.into(), arguments.operations, arguments.seed);
        return Ok(Source::from_operations(operations));
    }
    let format = arguments.format.map(Format::from);
    let keep = arguments.keep;
    match arguments.trace.as_deref() {
        None => unreachable!("clap asks for a trace or --generate"),
        Some(path) if path == Path::new("-") => {
            // A buffer of its own would hide from poll(2) what was read already.
            let pipe = io::stdin().as_fd().try_clone_to_owned();
            let pipe = File::from(pipe.context("dup of standard input")?);
            Source::from_pipe(pipe, format, keep, interrupt).context("trace on standard input")
        }
        Some(path) => {
            let name = || format!("trace {}", escape(path));
            let meta = std::fs::metadata(path).with_context(name)?;
            ensure!(!meta.is_dir(), "trace {}: is a directory", escape(path));
            if meta.is_file() {
                return Source::open(path, format, keep, interrupt).with_context(name);
            }
            let pipe = File::open(path).with_context(name)?;
            Source::from_pipe(pipe, format, keep, interrupt).with_context(name)
        }
    }
}
