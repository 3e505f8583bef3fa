//! The lines of standard input: read as they come, of bounded length, until a signal asks for an
//! end.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Read, stdin};
use std::os::fd::AsFd;

use anyhow::{Context, Result};

use crate::Isolation;

/// Bytes of a line that are kept: no answer is longer.
const KEPT: usize = 200;

/// Bytes after which a line without an end is taken for the last one: it is no text.
const LONGEST: usize = 16 << 20;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line without its line feed; of a longer one, as many bytes as are kept.
    Text(Vec<u8>),
    /// The input has ended. That of a terminal goes on after it.
    End,
    /// A signal asked this process to end.
    Signal,
}

/// Standard input, without a buffer that poll(2) does not see.
#[derive(Debug)]
pub(crate) struct Input {
    file: File,
    /// Whether a person types, and sees what they type.
    pub is_terminal: bool,
    /// What was read and belongs to later lines.
    rest: Vec<u8>,
    is_given_up: bool,
}

impl Input {
    /// Standard input as this process has it.
    ///
    /// # Errors
    /// EMFILE.
    pub fn standard() -> Result<Input> {
        let copy = stdin().as_fd().try_clone_to_owned();
        let file = File::from(copy.context("duplicate standard input")?);
        Ok(Input {
            is_terminal: file.is_terminal(),
            ..Input::from(file)
        })
    }

    /// The next line. Waits for it, or for a signal that `isolation` holds back.
    ///
    /// # Errors
    /// Input that cannot be read.
    pub fn line(&mut self, isolation: &Isolation) -> Result<Line> {
        let mut line = Vec::new();
        let mut length = 0;
        loop {
            let end = self.rest.iter().position(|byte| *byte == b'\n');
            let part: Vec<u8> = self.rest.drain(..end.unwrap_or(self.rest.len())).collect();
            length += part.len();
            line.extend(part.iter().take(KEPT - line.len()));
            if end.is_some() {
                self.rest.remove(0);
                return Ok(Line::Text(line));
            }
            self.is_given_up |= length > LONGEST;
            let read = match self.is_given_up {
                true => Some(0),
                false => self.read(isolation)?,
            };
            match read {
                None => return Ok(Line::Signal),
                Some(0) if length == 0 => return Ok(Line::End),
                Some(0) => return Ok(Line::Text(line)),
                Some(_) => {}
            }
        }
    }

    /// Reads more; none where a signal came first.
    fn read(&mut self, isolation: &Isolation) -> Result<Option<usize>> {
        let mut bytes = [0; 4096];
        loop {
            // One that came during the output has been taken there, and wakes no wait any more.
            if isolation.signal().is_some() {
                return Ok(None);
            }
            let read = match &isolation.interrupt {
                Some(interrupt) => {
                    let mut ending = interrupt.ending(&self.file);
                    let read = (&mut ending).read(&mut bytes);
                    if ending.ending_signal().is_some() {
                        return Ok(None);
                    }
                    read
                }
                None => (&self.file).read(&mut bytes),
            };
            match read {
                Ok(count) => {
                    self.rest.extend(&bytes[..count]);
                    return Ok(Some(count));
                }
                Err(error) if is_passing(error.kind()) => {}
                Err(error) => return Err(error).context("read standard input"),
            }
        }
    }
}

impl From<File> for Input {
    fn from(file: File) -> Input {
        Input {
            file,
            is_terminal: false,
            rest: Vec::new(),
            is_given_up: false,
        }
    }
}

/// Whether an error passes: a signal's, and that of a descriptor that does not wait.
fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Interrupted | ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// The lines of what a pipe brings, to its end. Here no signal is held back.
    fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let isolation = Isolation { interrupt: None };
        std::thread::scope(|scope| {
            // It is refused where the reader has given up.
            scope.spawn(move || writer.write_all(bytes));
            let mut input = Input::from(File::from(std::os::fd::OwnedFd::from(reader)));
            let mut lines = Vec::new();
            while let Line::Text(line) = input.line(&isolation).expect("readable") {
                lines.push(line);
            }
            lines
        })
    }

    #[test]
    fn lines_are_kept_apart_and_the_last_needs_no_end() {
        assert_eq!(lines(b""), Vec::<Vec<u8>>::new());
        assert_eq!(lines(b"2\n\n?\n6"), [&b"2"[..], b"", b"?", b"6"]);
        assert_eq!(
            lines(b"\x00\xff\x1b[2J\n1\n"),
            [&b"\x00\xff\x1b[2J"[..], b"1"]
        );
    }

    #[test]
    fn a_long_line_is_one_line_and_an_endless_one_the_last() {
        let mut long = vec![b'9'; 1 << 20];
        long.extend(b"\n2\n");
        let read = lines(&long);
        assert_eq!((read.len(), read[0].len()), (2, KEPT));
        assert_eq!(read[1], b"2");
        let mut endless = vec![0; LONGEST + (1 << 20)];
        endless.extend(b"\n2\n");
        assert_eq!(lines(&endless).len(), 1);
    }
}
