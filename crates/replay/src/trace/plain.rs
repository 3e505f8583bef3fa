//! The plain form: `a id size`, `r id size`, `f id`, one a line; `#` begins a comment.

use std::fmt;

use super::error::excerpt;
use super::{Event, Op};

/// Reads a line in its usual spelling, one blank between the words and nothing else, without
/// looking at any byte twice. `None` for every other line, damaged or not: [`parse`] reads those.
pub(crate) fn parse_usual(line: &[u8]) -> Option<Event> {
    let (kind, rest) = line.split_first_chunk::<2>()?;
    let (id, rest) = number(rest)?;
    let size = |rest: &[u8]| match number(rest.strip_prefix(b" ")?)? {
        (size, []) => Some(size),
        _ => None,
    };
    Some(match (kind, rest) {
        (b"a ", rest) => Event::Place {
            id,
            size: size(rest)?,
        },
        (b"f ", []) => Event::Free { id },
        (b"r ", rest) => Event::Resize {
            old: id,
            new: id,
            size: size(rest)?,
        },
        _ => return None,
    })
}

/// The number at the beginning of `text`, and what follows it; at most 19 digits, which 64 bits
/// always hold.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    let mut digits = 0;
    while let Some(digit @ b'0'..=b'9') = text.get(digits) {
        if digits == 19 {
            return None;
        }
        value = value * 10 + u64::from(digit - b'0');
        digits += 1;
    }
    (digits > 0).then(|| (value, &text[digits..]))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that the quick parser takes, the careful one reads the same.
    #[test]
    fn quick_and_careful_agree() {
        let usual = ["a 0 1", "f 7", "r 12 9999999999999999999", "a 007 0"];
        for line in usual {
            assert_eq!(parse_usual(line.as_bytes()), parse(line).ok(), "{line}");
            assert!(parse_usual(line.as_bytes()).is_some(), "{line}");
        }
        let unusual = [
            "",
            "a",
            "a ",
            "a 1",
            "a 1 ",
            "a 1  2",
            " a 1 2",
            "a 1 2 ",
            "a 1 2 3",
            "f",
            "f ",
            "f 1 2",
            "f x",
            "r 1",
            "x 1 2",
            "a -1 2",
            "a +1 2",
            "a 1 2#",
            "f 1 # 2",
            "# a 1 2",
            "a 1 18446744073709551616",
        ];
        for line in unusual {
            assert_eq!(parse_usual(line.as_bytes()), None, "{line}");
        }
    }
}
