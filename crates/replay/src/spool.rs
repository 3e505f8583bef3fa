//! Operations that came through a pipe and are too many to keep: a file without a name, in short
//! form.
//!
//! An operation is one number, the slot with two bits for its kind below it, and for all but a free
//! the size; numbers are LEB128, seven bits a byte, the lowest first. Most take 3 to 5 bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use harness::scratch;

use super::Error;
use crate::trace::Op;

const BUFFER: usize = 1 << 18;

/// Writes operations into a file without a name, which goes with the process.
pub(super) struct Spool {
    output: BufWriter<File>,
    directory: PathBuf,
}

impl Spool {
    /// An empty one in `$TMPDIR`, else in /var/tmp: a /tmp may lie in memory, which a long trace
    /// outgrows (file-hierarchy(7)).
    pub fn new() -> Result<Spool, Error> {
        let directory = scratch::folder("/var/tmp");
        match scratch::file_in(&directory) {
            Ok(file) => Ok(Spool {
                output: BufWriter::with_capacity(BUFFER, file),
                directory,
            }),
            Err(error) => Err(spool_error("create", &directory, error.errno.into())),
        }
    }

    /// Appends an operation.
    pub fn push(&mut self, op: Op) -> Result<(), Error> {
        write(&mut self.output, op).map_err(|error| spool_error("write", &self.directory, error))
    }

    /// The file, once everything is in it.
    pub fn finish(self) -> Result<File, Error> {
        let Spool { output, directory } = self;
        output
            .into_inner()
            .map_err(|error| spool_error("write", &directory, error.into_error()))
    }
}

fn spool_error(operation: &'static str, directory: &Path, source: io::Error) -> Error {
    Error::TemporaryFile {
        operation,
        directory: directory.to_owned(),
        source,
    }
}

/// Reads the operations again, from the first on.
pub(super) struct Unspool(BufReader<File>);

impl Unspool {
    /// A reader of a finished spool. There may be one at a time: they share the file's offset.
    pub fn new(file: &File) -> io::Result<Unspool> {
        let mut file = File::from(file.as_fd().try_clone_to_owned()?);
        file.rewind()?;
        Ok(Unspool(BufReader::with_capacity(BUFFER, file)))
    }

    /// The next operation; `None` at the end.
    pub fn next_op(&mut self) -> io::Result<Option<Op>> {
        if self.0.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let head = number(&mut self.0)?;
        let slot = (head >> 2) as u32;
        Ok(Some(match head & 3 {
            0 => Op::Free { slot },
            1 => Op::Place {
                slot,
                size: number(&mut self.0)?,
            },
            _ => Op::Resize {
                slot,
                size: number(&mut self.0)?,
            },
        }))
    }
}

fn write(output: &mut impl Write, op: Op) -> io::Result<()> {
    let mut bytes = [0; 20];
    let mut used = 0;
    let mut put = |mut rest: u64| {
        while rest > 127 {
            bytes[used] = rest as u8 | 128;
            rest >>= 7;
            used += 1;
        }
        bytes[used] = rest as u8;
        used += 1;
    };
    match op {
        Op::Free { slot } => put(u64::from(slot) << 2),
        Op::Place { slot, size } => {
            put(u64::from(slot) << 2 | 1);
            put(size);
        }
        Op::Resize { slot, size } => {
            put(u64::from(slot) << 2 | 2);
            put(size);
        }
    }
    output.write_all(&bytes[..used])
}

fn number(input: &mut impl Read) -> io::Result<u64> {
    let mut value = 0;
    let mut shift = 0;
    loop {
        let mut byte = [0];
        input.read_exact(&mut byte)?;
        value |= u64::from(byte[0] & 127) << shift;
        shift += 7;
        if byte[0] < 128 || shift > 63 {
            return Ok(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::LARGEST_REQUEST;

    #[test]
    fn what_goes_in_comes_out() {
        let mut ops = Vec::new();
        for slot in [0, 1, 31, 32, 1 << 20, u32::MAX] {
            for size in [1, 127, 128, 16_384, LARGEST_REQUEST] {
                ops.extend([Op::Place { slot, size }, Op::Resize { slot, size }]);
            }
            ops.push(Op::Free { slot });
        }
        let mut spool = Spool::new().unwrap();
        ops.iter().for_each(|&op| spool.push(op).unwrap());
        let file = spool.finish().unwrap();
        for _ in 0..2 {
            let mut reader = Unspool::new(&file).unwrap();
            let again: Vec<Op> = std::iter::from_fn(|| reader.next_op().unwrap()).collect();
            assert_eq!(again, ops);
        }
    }
}
