//! Allocation traces: what a program asked of its allocator, in order, without where it was put.
//!
//! Three written forms are read, line by line in memory that follows the number of live blocks and not
//! the length of the file: [`valgrind`], [`rep`] and [`plain`]. A damaged line is an error that names it.

pub mod generate;
mod lines;
mod live;
pub mod plain;
mod reader;
pub mod rep;
mod summary;
pub mod valgrind;

use std::fmt;

pub use reader::Reader;
pub use summary::Summary;

/// Sizes above this are no request that any 64-bit address space of today could serve (2^47 bytes).
pub const LARGEST_REQUEST: u64 = 1 << 47;

/// The comment of a plain trace that was cut short; why follows.
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
    /// The line is of a forked process, which has a heap of its own.
    OtherProcess,
    Nothing,
}

/// The written form of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `valgrind --trace-malloc=yes`.
    Valgrind,
    /// The malloc lab's `.rep`: four header lines, then `a id size`, `r id size`, `f id`.
    Rep,
    /// Ours: the same three lines without a header, `#` for comments.
    Plain,
}

impl Format {
    /// The form that a file's first line that is not blank gives away.
    pub fn of(first_line: &str) -> Option<Format> {
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

/// Why a trace could not be read, and at which line.
#[derive(Debug)]
pub struct TraceError {
    /// The line, counted from 1; 0 when the fault is the whole trace's.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.message),
            line => write!(f, "line {line}: {}", self.message),
        }
    }
}

impl std::error::Error for TraceError {}

/// Shows at most 60 characters of a line in an error.
pub(crate) fn excerpt(line: &str) -> String {
    let mut text: String = line.chars().take(60).flat_map(char::escape_debug).collect();
    if line.chars().nth(60).is_some() {
        text.push_str("...");
    }
    format!("\"{text}\"")
}
