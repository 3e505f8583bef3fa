//! Why a trace could not be read, and at which line.

use std::error::Error;
use std::{fmt, io};

use super::lines::LONGEST_LINE;

/// A fault of a trace.
#[derive(Debug)]
pub struct TraceError {
    /// The line, counted from 1; 0 when the fault is the whole trace's.
    pub line: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a trace. Text out of the trace is escaped and at most 60 characters long.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// read(2) failed.
    Read(io::Error),
    /// The line holds NUL bytes.
    NulBytes,
    /// The line is longer than any line of a trace.
    LongLine,
    /// The line is not UTF-8.
    NotUtf8,
    /// The first line belongs to no known form.
    UnknownForm(String),
    /// The line breaks the rules of its form; the text says how.
    Syntax(String),
    /// A block is allocated that is live already, by its name in the trace.
    AllocatedTwice(String),
    /// A block is freed or resized that is not live.
    NotLive(u64),
    /// A request for more bytes than any address space holds.
    LargeRequest(u64),
    /// The live bytes sum to more than 2^62.
    TooManyBytes,
    /// More operations follow than the header announces.
    MoreThanAnnounced(u64),
    /// There is not one line.
    Empty,
    /// There are lines, and no allocation is among them.
    NoAllocation {
        /// How many lines.
        lines: u64,
        /// Why valgrind could not go on, in its own lines, when it said so.
        complaint: Option<String>,
        /// Why the trace is not complete, when it is not.
        partial: Option<String>,
    },
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => self.fault.fmt(f),
            line => write!(f, "line {line}: {}", self.fault),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Read(error) => write!(f, "read: {error}"),
            Fault::NulBytes => f.write_str("holds NUL bytes: binary data, not a trace"),
            Fault::LongLine => write!(f, "is longer than {LONGEST_LINE} bytes: not a trace"),
            Fault::NotUtf8 => f.write_str("is not UTF-8: binary data, not a trace"),
            Fault::UnknownForm(line) => write!(
                f,
                "no form of trace begins with {line}; known: valgrind --trace-malloc=yes, .rep, \
                 plain"
            ),
            Fault::Syntax(why) => f.write_str(why),
            Fault::AllocatedTwice(block) => {
                write!(f, "block {block} is allocated twice without a free")
            }
            Fault::NotLive(block) => write!(f, "block {block} is not live here"),
            Fault::LargeRequest(size) => {
                write!(f, "{size} bytes: more than any address space holds (2^47)")
            }
            Fault::TooManyBytes => f.write_str("more than 2^62 bytes live at once"),
            Fault::MoreThanAnnounced(operations) => write!(
                f,
                "one operation more than the {operations} that the header announces"
            ),
            Fault::Empty => f.write_str("the trace is empty"),
            Fault::NoAllocation {
                lines,
                complaint,
                partial,
            } => {
                write!(f, "no allocation in {lines} lines")?;
                match (complaint, partial) {
                    (Some(complaint), _) => write!(f, ":\n{complaint}"),
                    (None, Some(partial)) => write!(f, "; {partial}"),
                    (None, None) => Ok(()),
                }
            }
        }
    }
}

impl Error for TraceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.fault {
            Fault::Read(error) => Some(error),
            _ => None,
        }
    }
}

/// At most 60 characters of a line, in quotes, for an error.
pub(super) fn excerpt(line: &str) -> String {
    let mut text: String = line.chars().take(60).flat_map(char::escape_debug).collect();
    if line.chars().nth(60).is_some() {
        text.push_str("...");
    }
    format!("\"{text}\"")
}
