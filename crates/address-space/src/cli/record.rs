//! `address-space record`.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::Args;
use present::foreign_text::{escape, escape_controls, escape_lines};
use present::units::{bytes, count};
use present::{OutputFile, print_note};
use replay::record::{Recording, RecordingOutcome};

/// What to run, and where the trace goes.
#[derive(Args)]
#[command(after_long_help = "\
The program runs under valgrind, many times slower than usual. Its standard output goes to standard
error.

Exit status:
  the program's; 128 + N where signal N ended it; 2 where it could not be run

Examples:
  address-space record -- ls -lR /usr | address-space replay -
  address-space record --output ls.trace -- ls")]
pub struct Arguments {
    /// Write the trace into this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the subcommand.
pub fn run(arguments: &Arguments) -> Result<u8> {
    let Some((program, rest)) = arguments.command.split_first() else {
        unreachable!("clap asks for a command")
    };
    let recording = |output: &mut dyn Write| -> Result<RecordingOutcome> {
        let recording = Recording::start(program, rest)?;
        Ok(recording.write(&mut BufWriter::new(output))?)
    };
    let RecordingOutcome { status, summary } = match &arguments.output {
        Some(path) => OutputFile::at(path)?.write_with(|file| recording(file))?,
        None => {
            #[expect(clippy::disallowed_methods, reason = "the trace is the output")]
            let mut output = io::stdout().lock();
            recording(&mut output)?
        }
    };
    if summary.operations == 0 && matches!(status.code(), Some(126 | 127)) {
        bail!(
            "valgrind could not start {} (it says why above)",
            escape(program)
        );
    }
    if let Some(complaint) = summary.complaint {
        print_note(&escape_lines(&complaint));
        ensure!(
            summary.operations > 0,
            "valgrind could not run {} (it says why above)",
            escape(program)
        );
    }
    let partial = summary.partial.map_or(String::new(), |why| {
        format!("; PARTIAL: {}", escape_controls(&why))
    });
    print_note(&format!(
        "recorded {} operations, at most {} live at once{partial}",
        count(summary.operations),
        bytes(summary.peak_bytes)
    ));
    if summary.operations == 0 {
        print_note(
            "note: valgrind saw no allocation: it takes the place of the malloc that a dynamic \
             linker finds, and sees nothing in a static program, or in one with an allocator of \
             its own",
        );
    }
    for note in summary.notes {
        print_note(&format!("note: {}", escape_controls(&note)));
    }
    // As a shell would: 128 and the signal's number.
    let code = status
        .code()
        .or(status.signal().map(|signal| 128 + signal))
        .unwrap_or(2);
    Ok(u8::try_from(code).unwrap_or(u8::MAX))
}
