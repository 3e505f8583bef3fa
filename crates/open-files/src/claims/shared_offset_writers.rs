//! Two writers through one description share its offset and never overwrite each other.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, ensure};
use claim::Prediction::{AtLeast, Count};
use claim::{Arm, Claim, Name, Quantity, Reading};
use harness::scratch;
use nix::fcntl::OFlag;

const SHARED: Quantity =
    Name("records left of 2000, written through one description").count(2 * RECORDS, RECORDS);
const APPENDED: Quantity = Name("records left of 2000, through two descriptions with O_APPEND")
    .count(2 * RECORDS, RECORDS);
const OVERLAPPED: Quantity =
    Name("records lost where the writers of one description overlapped in time")
        .predict(Count(0), AtLeast(1.0));
const APPENDERS: Quantity = Name("records lost where the writers with O_APPEND overlapped in time")
    .predict(Count(0), AtLeast(1.0));
/// Records that each of the two writers writes, and their length in bytes.
const RECORDS: u64 = 1000;
const LENGTH: usize = 16;
/// How often overlapping writers are started until a record is lost.
const ROUNDS: u32 = 10;
/// The most records that a writer writes while the other has not started.
const MAX_RECORDS_WITHOUT_PEER: u64 = 1_000_000;

pub(super) const CLAIM: Claim = Claim {
    id: "shared-offset-writers",
    statement: "Two processes that write through one open file description never overwrite each \
                other; through two descriptions they do, unless both have O_APPEND.",
    measures: "Two children, released together, write 1000 records of 16 bytes each, one of `a` \
               and one of `b`; whole records are counted in the file. Then both again, ten times, \
               where neither stops before the other has begun; the order of the records shows it.",
    control: "each child opens the file itself, without O_APPEND; and, where they overlap, each \
              finds out the offset or the end of the file, at times yields the CPU, and writes \
              there",
    notes: &[6, 7],
    syscalls: &["fork", "write", "open", "lseek", "pwrite64", "sched_yield"],
    man: &["write(2)", "open(2)"],
    quantities: &[SHARED, APPENDED, OVERLAPPED, APPENDERS],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let append = |file: &File| scratch::open_again(file, OFlag::O_WRONLY | OFlag::O_APPEND);
    let own = |file: &File| scratch::open_again(file, OFlag::O_WRONLY);
    let shared = |file: &File| scratch::duplicate(file);
    let write_all_records =
        |file: &mut File, record: &[u8]| write_records(file, record, write_at_once);
    let (through_one, appended, overlapped, appenders) = match arm {
        Arm::Experiment => (
            write_together(&shared, &write_all_records)?,
            write_together(&append, &write_all_records)?,
            count_lost(&shared, write_at_once)?,
            count_lost(&append, write_at_once)?,
        ),
        Arm::Control => (
            write_together(&own, &write_all_records)?,
            write_together(&own, &write_all_records)?,
            count_lost(&shared, write_at_offset)?,
            count_lost(&own, write_at_end)?,
        ),
    };
    Ok(Reading::counters()
        .with(&SHARED, through_one.whole)
        .with(&APPENDED, appended.whole)
        .with(&OVERLAPPED, overlapped)
        .with(&APPENDERS, appenders)
        .note(
            "write takes the description's own lock while it uses the offset (f_pos_lock, Linux \
             3.14); before, two writes could take the same one",
        ))
}

/// Records lost by two writers that overlap: each goes on until the other has started, and then
/// writes 1000 more. Without a lock records are lost in most rounds, but not in every one.
fn count_lost(
    obtain: &dyn Fn(&File) -> Result<File, observe::Error>,
    write: WriteOne,
) -> Result<u64> {
    for _ in 0..ROUNDS {
        let begun = scratch::open_again(&scratch::file(b"")?, OFlag::O_WRONLY | OFlag::O_APPEND)?;
        let together = |file: &mut File, record: &[u8]| {
            let mut records = 0;
            while begun.metadata()?.len() < 2 {
                write(file, record, records)?;
                if records == 0 {
                    (&begun).write_all(b"x").context(WRITE_OPERATION)?;
                }
                records += 1;
                ensure!(
                    records < MAX_RECORDS_WITHOUT_PEER,
                    "the other writer never began"
                );
            }
            Ok(records + write_records(file, record, write)?)
        };
        let written = write_together(obtain, &together)?;
        let lost = written.tried - written.whole;
        if lost > 0 {
            return Ok(lost);
        }
        // The writer that began first went on after the other had begun.
        ensure!(written.turns >= 2, "the writers did not overlap");
    }
    Ok(0)
}

const WRITE_OPERATION: &str = "write to scratch file";

/// Writes one record; the last argument is its number.
type WriteOne = fn(&mut File, &[u8], u64) -> Result<()>;

fn write_records(file: &mut File, record: &[u8], write: WriteOne) -> Result<u64> {
    for number in 0..RECORDS {
        write(file, record, number)?;
    }
    Ok(RECORDS)
}

/// What two writers left in a file.
struct Written {
    /// Records that they wrote.
    tried: u64,
    /// Records that are there, whole.
    whole: u64,
    /// How often a record of one writer stands behind a record of the other.
    turns: usize,
}

/// Sets two children off together on a file that each gets by `obtain`; `write` writes its record
/// many times and tells how often.
fn write_together(
    obtain: &dyn Fn(&File) -> Result<File, observe::Error>,
    write: &dyn Fn(&mut File, &[u8]) -> Result<u64>,
) -> Result<Written> {
    let mut file = scratch::file(b"")?;
    let writer = |letter: u8| {
        let file = &file;
        move |parent: &mut child::Parent| {
            let mut file = obtain(file)?;
            parent.checkpoint()?;
            Ok(write(&mut file, &[letter; LENGTH])?)
        }
    };
    let mut first = child::fork("first writer", writer(b'a'))?;
    let mut second = child::fork("second writer", writer(b'b'))?;
    first.at_checkpoint()?;
    second.at_checkpoint()?;
    first.release()?;
    second.release()?;
    let tried = first.join()? + second.join()?;
    let mut contents = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut contents)?;
    let whole = |record: &&[u8]| {
        [[b'a'; LENGTH], [b'b'; LENGTH]]
            .iter()
            .any(|all| all == record)
    };
    Ok(Written {
        tried,
        whole: contents.chunks(LENGTH).filter(whole).count() as u64,
        turns: contents
            .windows(2)
            .filter(|pair| pair[0] != pair[1])
            .count(),
    })
}

/// One write(2): offset and bytes together.
fn write_at_once(file: &mut File, record: &[u8], _number: u64) -> Result<()> {
    file.write_all(record).context(WRITE_OPERATION)
}

/// Where both writers have one CPU, a writer is seldom preempted between its two calls, so it
/// yields now and then. With other busy programs each yield costs one of their time slices.
fn yield_at_times(number: u64) {
    if number.is_multiple_of(50) {
        std::thread::yield_now();
    }
}

/// What write(2) would be without the lock on the offset.
fn write_at_offset(file: &mut File, record: &[u8], number: u64) -> Result<()> {
    let offset = file.stream_position()?;
    yield_at_times(number);
    file.write_all_at(record, offset).context(WRITE_OPERATION)?;
    file.seek(SeekFrom::Start(offset + record.len() as u64))?;
    Ok(())
}

/// What O_APPEND would be without the lock on the inode.
fn write_at_end(file: &mut File, record: &[u8], number: u64) -> Result<()> {
    let end = file.metadata()?.len();
    yield_at_times(number);
    file.write_all_at(record, end).context(WRITE_OPERATION)
}
