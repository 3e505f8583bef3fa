//! Where the operations come from: kept in memory when they are few, else read again for every
//! pass.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use harness::interrupt::Interrupt;
use nix::sys::signal::Signal;
use observe::memory::available_memory;
use present::units::count;

use super::Error;
use super::spool::{Spool, Unspool};
use crate::trace::{Format, Op, Reader, Summary};

/// Operations that are kept in memory by default (16 bytes each, 256 MiB in all).
pub const DEFAULT_KEPT_OPERATIONS: usize = 1 << 24;

/// Operations handed out at once, at most.
pub(super) const CHUNK: usize = 1 << 19;

/// Operations between two looks for a signal in [`Source::visit`]: few even where each of them
/// writes a large block.
const VISIT_CHUNK: usize = 1 << 12;

/// Bytes that all policies together need for a live block, with six page sizes: measured, and
/// rounded up.
const BYTES_PER_BLOCK: u64 = 2048;

/// A trace that can be read again and again.
pub struct Source {
    summary: Summary,
    ops: Ops,
    interrupted: bool,
}

enum Ops {
    Kept(Vec<Op>),
    /// A file that is read again in each pass.
    File(PathBuf, Option<Format>),
    Spooled(File),
}

impl Source {
    /// Operations that are at hand, such as those of
    /// [`generate`](crate::trace::generate::generate).
    pub fn from_operations(ops: Vec<Op>) -> Source {
        Source {
            summary: Summary::from_operations(&ops),
            ops: Ops::Kept(ops),
            interrupted: false,
        }
    }

    /// Reads the trace in the regular file at `path` once, to its end. More than `keep` operations
    /// are read from it again for every pass.
    ///
    /// # Errors
    /// [`Error::Call`] where the file cannot be opened, [`Error::Trace`] where it cannot be read or
    /// is damaged, [`Error::TooManyBlocks`], [`Error::NoRoomForOperations`].
    pub fn open(
        path: &Path,
        format: Option<Format>,
        keep: usize,
        interrupt: &Interrupt,
    ) -> Result<Source, Error> {
        read(open(path)?, format, keep, interrupt, Some(path))
    }

    /// Reads a trace that cannot be read twice, such as a pipe. More than `keep` operations go into
    /// a temporary file.
    ///
    /// # Errors
    /// As [`Source::open`]; [`Error::Call`] where the temporary file cannot be made or written.
    pub fn from_pipe(
        input: impl Read + AsFd,
        format: Option<Format>,
        keep: usize,
        interrupt: &Interrupt,
    ) -> Result<Source, Error> {
        read(input, format, keep, interrupt, None)
    }

    /// What the trace adds up to.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Whether every pass reads the operations again.
    pub fn is_streamed(&self) -> bool {
        !matches!(self.ops, Ops::Kept(_))
    }

    /// Whether a signal ended the reading, so that this is only the beginning of the trace.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted
    }

    /// A cursor at the first operation. There may be one at a time.
    ///
    /// # Errors
    /// The file can no longer be opened.
    pub(super) fn cursor(&self) -> Result<Cursor<'_>, Error> {
        let position = match &self.ops {
            Ops::Kept(ops) => Position::Kept(ops),
            Ops::File(path, format) => Position::File(Box::new(Reader::new(open(path)?, *format))),
            Ops::Spooled(file) => {
                Position::Spooled(Unspool::new(file).map_err(Error::call(READ_SPOOL))?)
            }
        };
        Ok(Cursor {
            position,
            summary: &self.summary,
        })
    }

    /// Gives every operation to `visit` in order, until `visit` answers false or a signal comes,
    /// which is the result then.
    ///
    /// # Errors
    /// The trace can no longer be read, or has changed ([`Error::TraceChanged`]).
    pub fn visit(
        &self,
        interrupt: &Interrupt,
        mut visit: impl FnMut(Op) -> bool,
    ) -> Result<Option<Signal>, Error> {
        let mut cursor = self.cursor()?;
        let mut chunk = Vec::new();
        loop {
            cursor.fill(&mut chunk, VISIT_CHUNK)?;
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
pub(super) struct Cursor<'a> {
    position: Position<'a>,
    summary: &'a Summary,
}

enum Position<'a> {
    Kept(&'a [Op]),
    File(Box<Reader<File>>),
    Spooled(Unspool),
}

impl Cursor<'_> {
    /// Puts the next `most` operations into `chunk`: fewer at the end of the trace, none behind it.
    ///
    /// # Errors
    /// The trace can no longer be read, or has changed.
    pub fn fill(&mut self, chunk: &mut Vec<Op>, most: usize) -> Result<(), Error> {
        chunk.clear();
        match &mut self.position {
            Position::Kept(ops) => {
                let (now, later) = ops.split_at(most.min(ops.len()));
                chunk.extend_from_slice(now);
                *ops = later;
            }
            Position::File(reader) => {
                while chunk.len() < most {
                    match reader.next_op()? {
                        Some(op) => chunk.push(op),
                        None if reader.summary() == self.summary => break,
                        None => return Err(Error::TraceChanged),
                    }
                }
            }
            Position::Spooled(spool) => {
                while chunk.len() < most
                    && let Some(op) = spool.next_op().map_err(Error::call(READ_SPOOL))?
                {
                    chunk.push(op);
                }
            }
        }
        Ok(())
    }
}

const READ_SPOOL: &str = "read the temporary file";

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(Error::call("open"))
}

/// Reads a trace to its end. With a `path` it can be read again; without one, a trace of more than
/// `keep` operations is spooled.
fn read(
    input: impl Read + AsFd,
    format: Option<Format>,
    keep: usize,
    interrupt: &Interrupt,
    path: Option<&Path>,
) -> Result<Source, Error> {
    let max_blocks = max_blocks();
    let mut input = interrupt.ending(input);
    let mut reader = Reader::new(&mut input, format);
    let mut store = Store::new(keep, path.is_none());
    while let Some(op) = reader.next_op()? {
        store.push(op)?;
        let live = reader.summary().live_blocks;
        if live > max_blocks {
            let operations = reader.summary().operations;
            return Err(Error::TooManyBlocks { live, operations });
        }
    }
    let summary = reader.summary().clone();
    if let Some(signal) = input.ending_signal() {
        return Ok(interrupted_source(store.kept, signal, summary.operations));
    }
    let ops = match (store.spool, path) {
        (Some(spool), _) => Ops::Spooled(spool.finish()?),
        (None, Some(path)) if summary.operations > keep as u64 => {
            Ops::File(path.to_owned(), format)
        }
        _ => Ops::Kept(store.kept),
    };
    Ok(Source {
        summary,
        ops,
        interrupted: false,
    })
}

/// Where the operations go while a trace is read for the first time.
struct Store {
    kept: Vec<Op>,
    keep: usize,
    /// Whether what is more than `keep` operations is spooled.
    spools: bool,
    spool: Option<Spool>,
    pushed: usize,
}

impl Store {
    fn new(keep: usize, spools: bool) -> Store {
        Store {
            kept: Vec::new(),
            keep,
            spools,
            spool: None,
            pushed: 0,
        }
    }

    fn push(&mut self, op: Op) -> Result<(), Error> {
        // A chunk is kept in any case: after an interruption there is something to replay.
        if self.pushed < self.keep.max(CHUNK) {
            if self.kept.try_reserve(1).is_err() {
                let kept = self.pushed as u64;
                return Err(Error::NoRoomForOperations { kept });
            }
            self.kept.push(op);
        }
        if self.spools && self.pushed >= self.keep {
            self.spool(op)?;
        }
        self.pushed += 1;
        Ok(())
    }

    fn spool(&mut self, op: Op) -> Result<(), Error> {
        let spool = match &mut self.spool {
            Some(spool) => spool,
            None => {
                let spool = self.spool.insert(Spool::new()?);
                for &op in &self.kept[..self.keep] {
                    spool.push(op)?;
                }
                spool
            }
        };
        spool.push(op)
    }
}

/// The source that an interrupted reading leaves: so few operations that they are soon replayed.
fn interrupted_source(mut ops: Vec<Op>, signal: Signal, read: u64) -> Source {
    ops.truncate(CHUNK);
    let mut source = Source::from_operations(ops);
    source.interrupted = true;
    source.summary.partial = Some(format!(
        "interrupted by {} after {} operations were read; of these the first {} were replayed",
        signal.as_str(),
        count(read),
        count(source.summary.operations)
    ));
    source
}

/// Live blocks that half of the available memory can follow: every policy keeps tables of them.
fn max_blocks() -> u64 {
    available_memory().map_or(u64::MAX, |bytes| bytes / 2 / BYTES_PER_BLOCK)
}
