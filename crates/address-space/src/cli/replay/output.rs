//! The files that a replay writes: the picture, and the trace in its plain form.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use harness::interrupt::Interrupt;
use present::foreign_text::escape;
use present::{OutputFile, SameFile, ensure_apart};
use replay::Source;
use replay::trace::PARTIAL;

use super::Arguments;

/// The files of --svg and --save.
pub(super) struct Files<'a> {
    /// Where the picture goes.
    pub svg: Option<OutputFile>,
    /// Where the trace goes, and its path.
    save: Option<(OutputFile, &'a Path)>,
}

/// Finds out whether the files can be written. Neither may be the trace, which is read again in
/// each pass, nor standard output, where the result goes, nor the other one.
pub(super) fn files(arguments: &Arguments) -> Result<Files<'_>> {
    let (svg, save) = (arguments.svg.as_deref(), arguments.save.as_deref());
    ensure_apart(&[("--svg", svg), ("--save", save)])?;
    let trace = match arguments.trace.as_deref() {
        Some(path) if path == Path::new("-") => SameFile::open(io::stdin()),
        path => path.and_then(SameFile::at),
    };
    let file = |path: &Path| -> Result<OutputFile> {
        let this = SameFile::at(path);
        let is_trace = this.is_some() && this == trace;
        ensure!(!is_trace, "{}: is the trace itself", escape(path));
        Ok(OutputFile::at(path)?)
    };
    Ok(Files {
        svg: svg.map(file).transpose()?,
        save: save.map(file).transpose()?.zip(save),
    })
}

impl Files<'_> {
    /// Saves the trace where --save asks for it.
    pub(super) fn save(&self, source: &Source, interrupt: &Interrupt) -> Result<()> {
        let Some((file, path)) = &self.save else {
            return Ok(());
        };
        let name = || format!("write {}", escape(path));
        file.write_with(|output| save(source, output, interrupt).with_context(name))
    }
}

fn save(source: &Source, file: &mut File, interrupt: &Interrupt) -> Result<()> {
    let mut output = BufWriter::new(file);
    let mut outcome = Ok(());
    let interrupted = source.visit(interrupt, |op| {
        outcome = writeln!(output, "{op}");
        outcome.is_ok()
    })?;
    outcome?;
    let why = match interrupted {
        Some(signal) => Some(format!("interrupted by {}", signal.as_str())),
        None => source.summary().partial.clone(),
    };
    if let Some(why) = why {
        writeln!(output, "{PARTIAL}{why}")?;
    }
    Ok(output.flush()?)
}
