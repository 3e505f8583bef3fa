//! The plain form: `a id size`, `r id size`, `f id`, one a line; `#` begins a comment.

use std::fmt;

use super::{Event, Op, excerpt};

/// Reads one line; the message says what is wrong with it.
pub(crate) fn parse(line: &str) -> Result<Event, String> {
    let text = line.split('#').next().unwrap_or_default();
    let mut words = text.split_ascii_whitespace();
    let Some(kind) = words.next() else {
        return Ok(Event::Nothing);
    };
    let mut number = |what: &str| -> Result<u64, String> {
        let word = words
            .next()
            .ok_or_else(|| format!("{what} is missing in {}", excerpt(line)))?;
        word.parse()
            .map_err(|_| format!("{} is no {what}", excerpt(word)))
    };
    let event = match kind {
        "a" => Event::Place {
            id: number("block number")?,
            size: number("size in bytes")?,
        },
        "f" => Event::Free {
            id: number("block number")?,
        },
        "r" => {
            let id = number("block number")?;
            Event::Resize {
                old: id,
                new: id,
                size: number("size in bytes")?,
            }
        }
        _ => return Err(format!("expected a, r or f, found {}", excerpt(line))),
    };
    match words.next() {
        None => Ok(event),
        Some(word) => Err(format!("{} after the end of the operation", excerpt(word))),
    }
}

/// Writes an operation as its line.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Place { slot, size } => write!(f, "a {slot} {size}"),
            Op::Free { slot } => write!(f, "f {slot}"),
            Op::Resize { slot, size } => write!(f, "r {slot} {size}"),
        }
    }
}
