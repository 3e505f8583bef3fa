//! Two children that write records to one file.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};
use child::Child;
use harness::scratch;
use nix::fcntl::OFlag;

use super::{LENGTH, RECORDS};
use crate::evidence::{Place, hidden_offset, is_own_child};
use crate::held_child::ChildFile;

/// How a writer gets at the file.
#[derive(Clone, Copy)]
pub(super) enum Obtain {
    /// By the descriptor that it inherits.
    Inherit,
    /// By a description of its own.
    Open,
    /// By one of its own with O_APPEND.
    Append,
}

impl Obtain {
    fn file(self, file: &File) -> Result<ChildFile<'_>> {
        let flags = match self {
            Obtain::Inherit => return Ok(ChildFile::Inherited(file)),
            Obtain::Open => OFlag::O_WRONLY,
            Obtain::Append => OFlag::O_WRONLY | OFlag::O_APPEND,
        };
        Ok(ChildFile::Opened(scratch::open_again(file, flags)?))
    }
}

/// What two writers left in a file, and what /proc told of them.
pub(super) struct Written {
    /// Records that they wrote.
    pub(super) tried: u64,
    /// Records that are there, whole.
    pub(super) whole: u64,
    /// How often a record of one writer stands behind a record of the other.
    pub(super) turns: usize,
    pub(super) writers: [Writer; 2],
}

/// What /proc told of a writer.
#[derive(Clone, Copy)]
pub(super) struct Writer {
    pub(super) is_child: bool,
    /// It had the parent's description.
    pub(super) shares: bool,
    /// It had one with O_APPEND.
    pub(super) appends: bool,
    /// It wrote 1000 records or more, and afterwards its offset was as far as they reach.
    pub(super) wrote_all: bool,
}

impl Written {
    /// Whether this is true of both writers.
    pub(super) fn both(&self, property: impl Fn(&Writer) -> bool) -> bool {
        self.writers.iter().all(property)
    }
}

/// Sets two children off together on a file; `write` writes its record many times and tells how
/// often.
pub(super) fn write_together(
    obtain: Obtain,
    write: &dyn Fn(&File, &[u8]) -> Result<u64>,
) -> Result<Written> {
    let file = scratch::file(b"")?;
    let writer = |letter: u8| {
        let file = &file;
        move |parent: &mut child::Parent| {
            let file = obtain.file(file)?;
            parent.send(&file.as_raw_fd())?;
            parent.checkpoint()?;
            let records = write(&file, &[letter; LENGTH])?;
            let offset = hidden_offset(&file)?;
            parent.checkpoint()?;
            Ok((records, offset))
        }
    };
    let mut first = child::fork("first writer", writer(b'a'))?;
    let mut second = child::fork("second writer", writer(b'b'))?;
    let (first_place, first_look) = look(&mut first, &file)?;
    let (second_place, second_look) = look(&mut second, &file)?;
    first.release()?;
    second.release()?;
    first.at_checkpoint()?;
    second.at_checkpoint()?;
    let shown = [first_place.info()?.pos, second_place.info()?.pos];
    first.release()?;
    second.release()?;
    let done = [first.join()?, second.join()?];
    let records = done.map(|(records, _)| records);
    let wrote_all = |which: usize| {
        let end = shown[which].or(done[which].1);
        records[which] >= RECORDS && end.is_some_and(|end| end >= END)
    };
    let writers = [
        Writer {
            wrote_all: wrote_all(0),
            ..first_look
        },
        Writer {
            wrote_all: wrote_all(1),
            ..second_look
        },
    ];
    let length = file.metadata().context("fstat")?.len();
    let mut contents = vec![0; length as usize];
    file.read_exact_at(&mut contents, 0).context("pread")?;
    Ok(Written {
        tried: records.iter().sum(),
        whole: contents.chunks(LENGTH).filter(is_whole).count() as u64,
        turns: contents
            .windows(2)
            .filter(|pair| pair[0] != pair[1])
            .count(),
        writers,
    })
}

/// What a writer tells at its end: its records and, where /proc shows none, its offset.
type Done = (u64, Option<u64>);

/// Where a writer is that wrote 1000 records one after the other.
const END: u64 = RECORDS * LENGTH as u64;

/// Looks at a writer that has the file and waits to be set off.
fn look(child: &mut Child<Done>, file: &File) -> Result<(Place, Writer)> {
    let fd = child.recv()?;
    child.at_checkpoint()?;
    let place = Place {
        pid: child.pid(),
        fd,
    };
    let writer = Writer {
        is_child: is_own_child(place.pid)?,
        shares: place.leads_to(file)? && place.follows(file)?,
        appends: place.leads_to(file)? && place.has_flag(OFlag::O_APPEND)?,
        wrote_all: false,
    };
    Ok((place, writer))
}

fn is_whole(record: &&[u8]) -> bool {
    [[b'a'; LENGTH], [b'b'; LENGTH]]
        .iter()
        .any(|all| all == record)
}
