//! Allocation traces: what a program asked of its allocator, in order, without where it was put.
//!
//! Three written forms are read ([`Format`]), line by line, in memory that follows the number of
//! live blocks and not the length of the file. A damaged line is an error that names it
//! ([`TraceError`]).

mod error;
pub mod generate;
#[cfg(any(test, fuzzing))]
pub mod laws;
mod lines;
mod live;
mod plain;
mod reader;
mod rep;
mod slots;
mod summary;
mod valgrind;

pub use error::{Fault, TraceError};
pub use reader::Reader;
pub(crate) use slots::SlotTable;
pub use summary::Summary;

/// The largest request, in bytes: no 64-bit address space of today holds more (2^47).
pub const LARGEST_REQUEST: u64 = 1 << 47;

/// The comment that a plain trace ends with when it was cut short; the reason follows it.
pub const PARTIAL: &str = "# PARTIAL: ";

/// One step of a trace. Blocks are named by slots, which are used again after a free, so that the
/// highest slot follows the number of live blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A new block of `size` bytes.
    Place {
        /// The block's slot.
        slot: u32,
        /// Bytes asked for; a request for 0 bytes has been made one for 1.
        size: u64,
    },
    /// The block is given back.
    Free {
        /// The block's slot.
        slot: u32,
    },
    /// realloc: the block is given back, and one of `size` bytes takes its slot.
    Resize {
        /// The block's slot.
        slot: u32,
        /// Bytes asked for, at least 1.
        size: u64,
    },
}

impl Op {
    /// The slot of the operation's block.
    pub fn slot(self) -> u32 {
        match self {
            Op::Place { slot, .. } | Op::Free { slot } | Op::Resize { slot, .. } => slot,
        }
    }

    /// Bytes that the operation asks for; `None` for a free.
    pub fn size(self) -> Option<u64> {
        match self {
            Op::Place { size, .. } | Op::Resize { size, .. } => Some(size),
            Op::Free { .. } => None,
        }
    }
}

/// What one line says, before blocks get slots. `id` is an address or the trace's own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Place {
        id: u64,
        size: u64,
    },
    Free {
        id: u64,
    },
    Resize {
        old: u64,
        new: u64,
        size: u64,
    },
    /// The header's count of operations.
    Announced(u64),
    /// The line belongs to a forked process, which has a heap of its own.
    OtherProcess,
    Nothing,
}

/// The written form of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `valgrind --trace-malloc=yes`.
    Valgrind,
    /// The malloc lab's `.rep`: four header lines, then those of [`Format::Plain`].
    Rep,
    /// The form that [`Op`] is displayed in: `a ID SIZE`, `r ID SIZE`, `f ID`, without a header;
    /// `#` begins a comment.
    Plain,
}

impl Format {
    /// The form to which a file's first line belongs, blank lines left out; `None` where that is
    /// none of the three.
    pub fn detect(first_line: &str) -> Option<Format> {
        let line = first_line.trim();
        let mut words = line.split_ascii_whitespace();
        if line.starts_with("--") || line.starts_with("==") {
            Some(Format::Valgrind)
        } else if line.starts_with('#') || matches!(words.next(), Some("a" | "r" | "f")) {
            Some(Format::Plain)
        } else if !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()) {
            Some(Format::Rep)
        } else {
            None
        }
    }
}
