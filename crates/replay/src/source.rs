//! Where the operations come from: kept in memory when they are few, else read again for every pass.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use harness::interrupt::Interrupt;
use nix::sys::signal::Signal;
use observe::memory::available_memory;
use present::units::count;

use super::spool::{Spool, Unspool};
use crate::trace::{Format, Op, Reader, Summary, TraceError};

/// Operations kept in memory unless told otherwise (16 bytes each, 256 MiB in all).
pub const KEPT: usize = 1 << 24;

/// Operations handed out at once, at most.
pub const CHUNK: usize = 1 << 19;

/// Operations after which a visitor looks for a signal: few even where each writes a large block.
const LOOK: usize = 1 << 12;

/// What all policies together need for a live block, with six page sizes: measured, and rounded up.
const BYTES_PER_BLOCK: u64 = 2048;

/// A trace that can be gone through again and again.
pub struct Source {
    summary: Summary,
    ops: Ops,
    interrupted: bool,
}

enum Ops {
    Kept(Vec<Op>),
    /// A file that can be read again costs no room.
    File(PathBuf, Option<Format>),
    Spooled(File),
}

impl Source {
    /// Operations made here.
    pub fn made(ops: Vec<Op>, summary: Summary) -> Source {
        Source {
            summary,
            ops: Ops::Kept(ops),
            interrupted: false,
        }
    }

    /// Reads the trace in the regular file at `path` once, to its end. More than `keep` operations are
    /// read from it again for every pass.
    ///
    /// # Errors
    /// The file cannot be opened or read, a line is damaged, or more blocks are live than fit into memory.
    pub fn open(
        path: &Path,
        format: Option<Format>,
        keep: usize,
        interrupt: &Interrupt,
    ) -> Result<Source, TraceError> {
        read(open(path)?, format, keep, interrupt, Some(path))
    }

    /// Reads a trace that cannot be read twice, such as a pipe. More than `keep` operations go into a
    /// temporary file.
    ///
    /// # Errors
    /// As [`Source::open`]; the temporary file cannot be written.
    pub fn from_pipe(
        input: impl Read + AsFd,
        format: Option<Format>,
        keep: usize,
        interrupt: &Interrupt,
    ) -> Result<Source, TraceError> {
        read(input, format, keep, interrupt, None)
    }

    /// What the trace adds up to.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Whether every pass reads the operations again.
    pub fn streamed(&self) -> bool {
        !matches!(self.ops, Ops::Kept(_))
    }

    /// Whether a signal ended the reading, so that this is a beginning of the trace only.
    pub fn interrupted(&self) -> bool {
        self.interrupted
    }

    /// A way through the operations from the first on; one at a time.
    ///
    /// # Errors
    /// The file can no longer be opened.
    pub fn cursor(&self) -> Result<Cursor<'_>, TraceError> {
        let way = match &self.ops {
            Ops::Kept(ops) => Way::Kept(ops),
            Ops::File(path, format) => Way::File(Box::new(Reader::new(open(path)?, *format))),
            Ops::Spooled(file) => Way::Spooled(Unspool::new(file).map_err(spooled)?),
        };
        Ok(Cursor {
            way,
            summary: &self.summary,
        })
    }

    /// Gives every operation to `visit` in order, until `visit` says no more or a signal comes, which is
    /// the answer then.
    ///
    /// # Errors
    /// The trace can no longer be read, or has changed.
    pub fn each(
        &self,
        interrupt: &Interrupt,
        mut visit: impl FnMut(Op) -> bool,
    ) -> Result<Option<Signal>, TraceError> {
        let mut cursor = self.cursor()?;
        let mut chunk = Vec::new();
        loop {
            cursor.fill(&mut chunk, LOOK)?;
            if chunk.is_empty() || !chunk.iter().all(|&op| visit(op)) {
                return Ok(None);
            }
            if let Some(signal) = interrupt.take() {
                return Ok(Some(signal));
            }
        }
    }
}

/// A place in the trace.
pub struct Cursor<'a> {
    way: Way<'a>,
    summary: &'a Summary,
}

enum Way<'a> {
    Kept(&'a [Op]),
    File(Box<Reader<File>>),
    Spooled(Unspool),
}

impl Cursor<'_> {
    /// Puts the next `most` operations into `chunk`, fewer at the end of the trace and none behind it.
    ///
    /// # Errors
    /// The trace can no longer be read, or has changed.
    pub fn fill(&mut self, chunk: &mut Vec<Op>, most: usize) -> Result<(), TraceError> {
        chunk.clear();
        match &mut self.way {
            Way::Kept(ops) => {
                let (now, later) = ops.split_at(most.min(ops.len()));
                chunk.extend_from_slice(now);
                *ops = later;
            }
            Way::File(reader) => {
                while chunk.len() < most {
                    match reader.next_op()? {
                        Some(op) => chunk.push(op),
                        None if reader.summary() == self.summary => break,
                        None => {
                            return Err(whole("the file changed while it was replayed".into()));
                        }
                    }
                }
            }
            Way::Spooled(spool) => {
                while chunk.len() < most
                    && let Some(op) = spool.next_op().map_err(spooled)?
                {
                    chunk.push(op);
                }
            }
        }
        Ok(())
    }
}

fn open(path: &Path) -> Result<File, TraceError> {
    File::open(path).map_err(|error| whole(format!("open: {error}")))
}

fn spooled(error: std::io::Error) -> TraceError {
    whole(format!("read the temporary file: {error}"))
}

/// A fault of the whole trace.
fn whole(message: String) -> TraceError {
    TraceError { line: 0, message }
}

/// Reads a trace to its end. With a `path` it can be read again; without, what is more than `keep`
/// operations is spooled.
fn read(
    input: impl Read + AsFd,
    format: Option<Format>,
    keep: usize,
    interrupt: &Interrupt,
    path: Option<&Path>,
) -> Result<Source, TraceError> {
    let most = most_blocks();
    let mut input = interrupt.ending(input);
    let mut reader = Reader::new(&mut input, format);
    // Always a chunk at least: an interruption finds something to replay.
    let mut kept = Vec::new();
    let mut spool: Option<Spool> = None;
    for read in 0.. {
        let Some(op) = reader.next_op()? else { break };
        if read < keep.max(CHUNK) {
            if kept.try_reserve(1).is_err() {
                let keep = count(read as u64);
                return Err(whole(format!(
                    "no memory to keep more than {keep} operations: let --keep be less"
                )));
            }
            kept.push(op);
        }
        if read >= keep && path.is_none() {
            let spool = match &mut spool {
                Some(spool) => spool,
                None => spool.insert(Spool::new().map_err(whole)?),
            };
            let missed = if read == keep { &kept[..keep] } else { &[] };
            for &op in missed.iter().chain([&op]) {
                spool.push(op).map_err(whole)?;
            }
        }
        let live = reader.summary().live_blocks;
        if live > most {
            return Err(whole(format!(
                "{} blocks live at once after {} operations: more than the available memory can follow",
                count(live),
                count(reader.summary().operations)
            )));
        }
    }
    let summary = reader.summary().clone();
    if let Some(signal) = input.by() {
        return Ok(beginning(kept, signal, summary.operations));
    }
    let ops = match (spool, path) {
        (Some(spool), _) => Ops::Spooled(spool.finish().map_err(whole)?),
        (None, Some(path)) if summary.operations > keep as u64 => {
            Ops::File(path.to_owned(), format)
        }
        _ => Ops::Kept(kept),
    };
    Ok(Source {
        summary,
        ops,
        interrupted: false,
    })
}

/// What an interrupted reading leaves: so much that replaying it does not keep anybody waiting.
fn beginning(mut ops: Vec<Op>, signal: Signal, read: u64) -> Source {
    ops.truncate(CHUNK);
    let mut summary = Summary::of(&ops);
    summary.partial = Some(format!(
        "interrupted by {} after {} operations were read; of these the first {} were replayed",
        signal.as_str(),
        count(read),
        count(summary.operations)
    ));
    Source {
        summary,
        ops: Ops::Kept(ops),
        interrupted: true,
    }
}

/// Live blocks that half of the available memory can follow: every policy keeps a book on each of them.
fn most_blocks() -> u64 {
    available_memory().map_or(u64::MAX, |bytes| bytes / 2 / BYTES_PER_BLOCK)
}
