//! Lines of a file that may be anything: bounded in length, refused when binary.

use std::io::{BufRead, Read};

use super::TraceError;

/// Longer lines are no trace's; without a bound a file without a newline would fill the memory.
const LONGEST: u64 = 4096;

/// Reads one line at a time into the same buffer.
pub(crate) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    number: u64,
}

/// One line without its newline.
pub(crate) struct Line<'a> {
    pub number: u64,
    pub text: &'a str,
    /// Whether a newline ended it; the last line of a truncated file has none.
    pub whole: bool,
}

impl<R: BufRead> Lines<R> {
    pub fn new(input: R) -> Self {
        Lines {
            input,
            buffer: Vec::with_capacity(256),
            number: 0,
        }
    }

    pub fn next(&mut self) -> Result<Option<Line<'_>>, TraceError> {
        self.number += 1;
        let fail = |line, message: String| Err(TraceError { line, message });
        self.buffer.clear();
        let read = self
            .input
            .by_ref()
            .take(LONGEST)
            .read_until(b'\n', &mut self.buffer);
        match read {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) => return fail(self.number, format!("read: {error}")),
        }
        let whole = self.buffer.last() == Some(&b'\n');
        if whole {
            self.buffer.pop();
        }
        if self.buffer.contains(&0) {
            return fail(
                self.number,
                "holds NUL bytes: binary data, not a trace".into(),
            );
        }
        if !whole && self.buffer.len() as u64 == LONGEST {
            return fail(
                self.number,
                format!("is longer than {LONGEST} bytes: not a trace"),
            );
        }
        match std::str::from_utf8(&self.buffer) {
            Ok(text) => Ok(Some(Line {
                number: self.number,
                text,
                whole,
            })),
            Err(_) => fail(self.number, "is not UTF-8: binary data, not a trace".into()),
        }
    }
}
