//! Lines of a file that may be anything: bounded in length, refused when binary.

use std::io::{ErrorKind, Read};

use super::TraceError;

/// Longer lines are no trace's; without a bound a file without a newline would fill the memory.
const LONGEST: usize = 4096;

/// What is asked of the input at once: large enough that the system calls do not count.
const BUFFER: usize = 1 << 18;

/// Hands out one line after the other of a buffer, without copying them.
pub(crate) struct Lines<R> {
    input: R,
    buffer: Box<[u8]>,
    /// What is in the buffer and has not been handed out.
    rest: std::ops::Range<usize>,
    number: u64,
}

/// One line without its newline.
pub(crate) struct Line<'a> {
    pub number: u64,
    pub bytes: &'a [u8],
    /// Whether a newline ended it; the last line of a truncated file has none.
    pub whole: bool,
}

impl<R: Read> Lines<R> {
    pub fn new(input: R) -> Self {
        Lines {
            input,
            buffer: vec![0; BUFFER].into(),
            rest: 0..0,
            number: 0,
        }
    }

    pub fn next(&mut self) -> Result<Option<Line<'_>>, TraceError> {
        self.number += 1;
        let whole = loop {
            match memchr::memchr(b'\n', &self.buffer[self.rest.clone()]) {
                Some(length) => break Some(length),
                // Too long already: `Line::text` refuses it.
                None if self.rest.len() > LONGEST => break None,
                None => {}
            }
            if self.read()? == 0 {
                break None;
            }
        };
        let start = self.rest.start;
        let end = whole.map_or(self.rest.end, |length| start + length);
        self.rest.start = self.rest.end.min(end + 1);
        if start == end && whole.is_none() {
            return Ok(None);
        }
        Ok(Some(Line {
            number: self.number,
            bytes: &self.buffer[start..end],
            whole: whole.is_some(),
        }))
    }

    /// Appends what the input has to what is left; 0 at its end.
    fn read(&mut self) -> Result<usize, TraceError> {
        self.buffer.copy_within(self.rest.clone(), 0);
        self.rest = 0..self.rest.len();
        loop {
            match self.input.read(&mut self.buffer[self.rest.end..]) {
                Ok(read) => {
                    self.rest.end += read;
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(TraceError {
                        line: self.number,
                        message: format!("read: {error}"),
                    });
                }
            }
        }
    }
}

impl<'a> Line<'a> {
    /// The line as text.
    pub fn text(&self) -> Result<&'a str, TraceError> {
        let fail = |message: String| TraceError {
            line: self.number,
            message,
        };
        if memchr::memchr(0, self.bytes).is_some() {
            return Err(fail("holds NUL bytes: binary data, not a trace".into()));
        }
        if self.bytes.len() > LONGEST {
            return Err(fail(format!("is longer than {LONGEST} bytes: not a trace")));
        }
        std::str::from_utf8(self.bytes)
            .map_err(|_| fail("is not UTF-8: binary data, not a trace".into()))
    }
}
