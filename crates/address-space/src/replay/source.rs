//! Where the operations come from: kept in memory when they are few, else read again for every pass.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::trace::{Format, Op, Reader, Summary, TraceError};

/// Operations kept in memory (16 bytes each, 256 MiB in all); a longer trace is streamed.
pub const KEPT: usize = 1 << 24;

/// A trace that can be gone through again and again.
pub enum Source {
    /// All operations, in memory.
    Kept(Vec<Op>, Summary),
    /// A file too long to keep.
    Streamed {
        /// The file.
        path: PathBuf,
        /// Its form, when the caller said so.
        format: Option<Format>,
        /// What a first pass found.
        summary: Summary,
    },
}

impl Source {
    /// Reads the trace at `path` once, to its end.
    ///
    /// # Errors
    /// The file cannot be opened or read, or a line is damaged.
    pub fn open(path: &Path, format: Option<Format>) -> Result<Source, TraceError> {
        let (ops, summary) = read(open(path)?, format)?;
        Ok(match ops {
            Some(ops) => Source::Kept(ops, summary),
            None => Source::Streamed {
                path: path.to_owned(),
                format,
                summary,
            },
        })
    }

    /// Reads a trace that cannot be read twice, such as a pipe.
    ///
    /// # Errors
    /// A damaged line, or more than [`KEPT`] operations.
    pub fn from_pipe(input: impl BufRead, format: Option<Format>) -> Result<Source, TraceError> {
        match read(input, format)? {
            (Some(ops), summary) => Ok(Source::Kept(ops, summary)),
            (None, summary) => Err(TraceError {
                line: 0,
                message: format!(
                    "{} operations from a pipe are too many to keep (limit {KEPT}): write them to a file, which can be read again",
                    summary.operations
                ),
            }),
        }
    }

    /// What the trace adds up to.
    pub fn summary(&self) -> &Summary {
        match self {
            Source::Kept(_, summary) | Source::Streamed { summary, .. } => summary,
        }
    }

    /// Gives every operation to `visit` in order, until `visit` says no more.
    ///
    /// # Errors
    /// The file has changed since it was first read, or can no longer be read.
    pub fn each(&self, mut visit: impl FnMut(Op) -> bool) -> Result<(), TraceError> {
        match self {
            Source::Kept(ops, _) => {
                for &op in ops {
                    if !visit(op) {
                        break;
                    }
                }
            }
            Source::Streamed { path, format, .. } => {
                let mut reader = Reader::new(open(path)?, *format);
                while let Some(op) = reader.next_op()? {
                    if !visit(op) {
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

fn open(path: &Path) -> Result<BufReader<File>, TraceError> {
    File::open(path)
        .map(|file| BufReader::with_capacity(1 << 18, file))
        .map_err(|error| TraceError {
            line: 0,
            message: format!("open: {error}"),
        })
}

fn read(
    input: impl BufRead,
    format: Option<Format>,
) -> Result<(Option<Vec<Op>>, Summary), TraceError> {
    let mut reader = Reader::new(input, format);
    let mut ops = Some(Vec::new());
    while let Some(op) = reader.next_op()? {
        match &mut ops {
            Some(kept) if kept.len() < KEPT => kept.push(op),
            _ => ops = None,
        }
    }
    Ok((ops, reader.summary().clone()))
}
