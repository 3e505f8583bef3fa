//! Lines of a file that may be anything: bounded in length, refused when binary.

use std::io::{ErrorKind, Read};

use super::{Fault, TraceError};

/// Bytes of the longest line that a trace can have. Without a bound a file without a newline would
/// fill the memory.
pub(super) const LONGEST_LINE: usize = 4096;

/// Bytes asked of the input at once: so many that the system calls cost nothing beside the parsing.
const BUFFER: usize = 1 << 18;

/// Hands out the lines of an input one after the other, out of a buffer, without copying them.
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
    /// Whether a newline ended it. The last line of a file that was cut has none.
    pub terminated: bool,
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
        let newline = loop {
            match memchr::memchr(b'\n', &self.buffer[self.rest.clone()]) {
                Some(length) => break Some(length),
                // Too long already: `Line::text` refuses it.
                None if self.rest.len() > LONGEST_LINE => break None,
                None => {}
            }
            if self.read()? == 0 {
                break None;
            }
        };
        let start = self.rest.start;
        let end = newline.map_or(self.rest.end, |length| start + length);
        self.rest.start = self.rest.end.min(end + 1);
        if start == end && newline.is_none() {
            return Ok(None);
        }
        Ok(Some(Line {
            number: self.number,
            bytes: &self.buffer[start..end],
            terminated: newline.is_some(),
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
                        fault: Fault::Read(error),
                    });
                }
            }
        }
    }
}

impl<'a> Line<'a> {
    /// The line as text.
    pub fn text(&self) -> Result<&'a str, Fault> {
        if memchr::memchr(0, self.bytes).is_some() {
            return Err(Fault::NulBytes);
        }
        if self.bytes.len() > LONGEST_LINE {
            return Err(Fault::LongLine);
        }
        std::str::from_utf8(self.bytes).map_err(|_| Fault::NotUtf8)
    }
}
