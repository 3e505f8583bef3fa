//! Two writers through one description share its offset and never overwrite each other.

mod writers;

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::thread::yield_now;

use anyhow::{Context, Result};
use claim::Prediction::{AtLeast, Count};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::scratch;
use nix::fcntl::OFlag;

use self::writers::{Obtain, Written, write_together};
use super::FORK;

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
/// The most records that a writer writes while the other has not started. After the first thousand
/// it gives the CPU away each time.
const MAX_RECORDS_WITHOUT_PEER: u64 = 100_000;

const WRITE_A: Act = Does("writes 1000 records of `a`")
    .call("write", "\"aaaaaaaaaaaaaaaa\", 16")
    .by("first writer")
    .times(1000)
    .shown_by(
        "pos in /proc/CHILD/fdinfo afterwards (without pos: the offset that the child tells), as \
         far as 1000 records reach",
    );
const WRITE_B: Act = Does("writes 1000 records of `b`")
    .call("write", "\"bbbbbbbbbbbbbbbb\", 16")
    .by("second writer")
    .times(1000)
    .shown_by(
        "pos in /proc/CHILD/fdinfo afterwards (without pos: the offset that the child tells), as \
         far as 1000 records reach",
    );
const SHARE: Act = Does("gives both writers one description")
    .in_memory()
    .shown_by("O_NONBLOCK in /proc/CHILD/fdinfo of both, which changes with the parent's")
    .in_control(InControl::Not);
const APPEND_A: Act = Does("opens the file with O_APPEND")
    .call("openat", "/proc/self/fd/ … O_APPEND")
    .by("first writer")
    .shown_by(
        "O_APPEND in /proc/CHILD/fdinfo, and O_NONBLOCK there, which does not change with the \
         parent's",
    )
    .in_control(InControl::Not);
const APPEND_B: Act = Does("opens the file with O_APPEND, too")
    .call("openat", "/proc/self/fd/ … O_APPEND")
    .by("second writer")
    .shown_by(
        "O_APPEND in /proc/CHILD/fdinfo, and O_NONBLOCK there, which does not change with the \
         parent's",
    )
    .in_control(InControl::Not);
const OVERLAP: Act = Does("lets the writers overlap in time")
    .in_memory()
    .shown_by("records of one lie between or over those of the other")
    .or_not_measured("run it again while other programs leave the processors alone");

pub(super) const CLAIM: Claim = Claim {
    id: "shared-offset-writers",
    statement: "Two processes that write(2) to a regular file through one open file description \
                never overwrite each other; through two descriptions they do, unless both have \
                O_APPEND.",
    measures: "Two children, released together, write 1000 records of 16 bytes each, one of `a` \
               and one of `b`; whole records are counted in the file. Then both again, ten times, \
               where neither stops before the other has begun; the order of the records shows it.",
    control: "each child opens the file itself, without O_APPEND; and, where they overlap, each \
              finds out the offset or the end of the file, at times yields the CPU, and writes \
              there",
    notes: &[6, 7],
    example: Some("two_opens_and_a_dup"),
    acts: &[FORK, WRITE_A, WRITE_B, SHARE, APPEND_A, APPEND_B, OVERLAP],
    man: &["write(2)", "open(2)"],
    quantities: &[SHARED, APPENDED, OVERLAPPED, APPENDERS],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let [one, append] = arm.choose([Obtain::Inherit, Obtain::Append], [Obtain::Open; 2]);
    let [at_offset, at_end]: [WriteOne; 2] = match arm {
        Arm::Experiment => [write_at_once, write_at_once],
        Arm::Control => [write_at_offset, write_at_end],
    };
    let through_one = write_together(one, &write_all_records)?;
    let appended = write_together(append, &write_all_records)?;
    let overlapped = count_lost(Obtain::Inherit, at_offset)?;
    let appenders = count_lost(append, at_end)?;

    let parts = [&through_one, &appended];
    let wrote_all = |which: usize| parts.iter().all(|part| part.writers[which].wrote_all);
    let appends = |which: usize| {
        let mut parts = [&appended, &appenders.last].into_iter();
        parts.all(|part| part.writers[which].appends && !part.writers[which].shares)
    };
    let share = [&through_one, &overlapped.last];
    Ok(Reading::counters()
        .act(&FORK, parts.iter().all(|part| part.both(|it| it.is_child)))
        .act(&WRITE_A, wrote_all(0))
        .act(&WRITE_B, wrote_all(1))
        .act(&SHARE, share.iter().all(|part| part.both(|it| it.shares)))
        .act(&APPEND_A, appends(0))
        .act(&APPEND_B, appends(1))
        .act(&OVERLAP, overlapped.in_time && appenders.in_time)
        .with(&SHARED, through_one.whole)
        .with(&APPENDED, appended.whole)
        .with(&OVERLAPPED, overlapped.lost)
        .with(&APPENDERS, appenders.lost)
        .note(
            "write takes the description's own lock while it uses the offset (f_pos_lock, Linux \
             3.14); before, two writes could take the same one. What writes without it, such as \
             io_uring at offset -1, is not spoken of",
        ))
}

/// What two writers lost that overlapped.
struct Lost {
    lost: u64,
    /// They overlapped in each round.
    in_time: bool,
    last: Written,
}

/// Records lost by two writers that overlap: each goes on until the other has started, and then
/// writes 1000 more. Without a lock records are lost in most rounds, but not in every one.
fn count_lost(obtain: Obtain, write: WriteOne) -> Result<Lost> {
    let mut round = 1;
    loop {
        let last = write_overlapping(obtain, write)?;
        let lost = last.tried.saturating_sub(last.whole);
        // The writer that began first went on after the other had begun.
        let in_time = lost > 0 || last.turns >= 2;
        if lost > 0 || !in_time || round == ROUNDS {
            return Ok(Lost {
                lost,
                in_time,
                last,
            });
        }
        round += 1;
    }
}

fn write_overlapping(obtain: Obtain, write: WriteOne) -> Result<Written> {
    let begun = scratch::open_again(&scratch::file(b"")?, OFlag::O_WRONLY | OFlag::O_APPEND)?;
    write_together(obtain, &|file, record| {
        let mut records = 0;
        let both_begun = || Ok::<_, anyhow::Error>(begun.metadata().context("fstat")?.len() >= 2);
        while records < MAX_RECORDS_WITHOUT_PEER && !both_begun()? {
            write(file, record, records)?;
            if records == 0 {
                (&begun).write_all(b"x").context(WRITE_OPERATION)?;
            }
            records += 1;
            if records > RECORDS {
                yield_now();
            }
        }
        Ok(records + write_records(file, record, write)?)
    })
}

const WRITE_OPERATION: &str = "write to scratch file";

/// Writes one record; the last argument is its number.
type WriteOne = fn(&File, &[u8], u64) -> Result<()>;

fn write_all_records(file: &File, record: &[u8]) -> Result<u64> {
    write_records(file, record, write_at_once)
}

fn write_records(file: &File, record: &[u8], write: WriteOne) -> Result<u64> {
    for number in 0..RECORDS {
        write(file, record, number)?;
    }
    Ok(RECORDS)
}

/// One write(2): offset and bytes together.
fn write_at_once(mut file: &File, record: &[u8], _number: u64) -> Result<()> {
    file.write_all(record).context(WRITE_OPERATION)
}

/// Where both writers have one CPU, a writer is seldom preempted between its two calls, so it
/// yields now and then. With other busy programs each yield costs one of their time slices.
fn yield_at_times(number: u64) {
    if number.is_multiple_of(50) {
        yield_now();
    }
}

/// What write(2) would be without the lock on the offset.
fn write_at_offset(mut file: &File, record: &[u8], number: u64) -> Result<()> {
    let offset = file.stream_position().context("lseek SEEK_CUR")?;
    yield_at_times(number);
    file.write_all_at(record, offset).context(WRITE_OPERATION)?;
    let next = SeekFrom::Start(offset + record.len() as u64);
    file.seek(next).context("lseek SEEK_SET")?;
    Ok(())
}

/// What O_APPEND would be without the lock on the inode.
fn write_at_end(file: &File, record: &[u8], number: u64) -> Result<()> {
    let end = file.metadata().context("fstat")?.len();
    yield_at_times(number);
    file.write_all_at(record, end).context(WRITE_OPERATION)
}
