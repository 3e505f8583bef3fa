//! Two writers through one description share its offset and never overwrite each other.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::Result;
use claim::{Arm, Claim, NotMeasured, Prediction, Quantity, Reading};
use nix::fcntl::OFlag;

use crate::scratch;

const SHARED: &str = "records left of 2000, written through one description";
const APPENDED: &str = "records left of 2000, through two descriptions with O_APPEND";
const OVERLAPPED: &str = "records lost where the writers of one description overlapped in time";
/// Records that each of the two writers writes, and their length in bytes.
const RECORDS: usize = 1000;
const LENGTH: usize = 16;
/// How often the writers are set off until they overlap.
const ROUNDS: u32 = 40;

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "shared-offset-writers",
    topic: "open-files",
    statement: "Two processes that write through one open file description never overwrite each \
                other; through two descriptions they do, unless both have O_APPEND.",
    measures: "Two children, released together, write 1000 records of 16 bytes each, one of `a` and \
               one of `b`; whole records are counted in the file. Through one description this is \
               repeated until the file shows that the writers took turns.",
    control: "each child opens the file itself, without O_APPEND; and, on one description, each \
              reads the offset, writes there and moves the offset in three steps of its own",
    notes: &[6, 7],
    needs: &["two CPUs, for writers that overlap"],
    syscalls: &["fork", "write", "open", "lseek", "pwrite64"],
    man: &["write(2)", "open(2)"],
    quantities: &[
        Quantity {
            name: SHARED,
            unit: "",
            experiment: Prediction::Count(2 * RECORDS as u64),
            control: Prediction::Count(RECORDS as u64),
        },
        Quantity {
            name: APPENDED,
            unit: "",
            experiment: Prediction::Count(2 * RECORDS as u64),
            control: Prediction::Count(RECORDS as u64),
        },
        Quantity {
            name: OVERLAPPED,
            unit: "",
            experiment: Prediction::Count(0),
            control: Prediction::AtLeast(1.0),
        },
    ],
    limit: Duration::from_secs(10),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let append = |file: &File| scratch::open_again(file, OFlag::O_WRONLY | OFlag::O_APPEND);
    let own = |file: &File| scratch::open_again(file, OFlag::O_WRONLY);
    let one = |file: &File| scratch::duplicate(file);
    let (shared, appended, lost) = match arm {
        Arm::Experiment => (
            written(&one, at_once)?,
            written(&append, at_once)?,
            lost(at_once)?,
        ),
        Arm::Control => (
            written(&own, at_once)?,
            written(&own, at_once)?,
            lost(in_steps)?,
        ),
    };
    Ok(Reading::counters()
        .with(SHARED, shared.whole)
        .with(APPENDED, appended.whole)
        .with(OVERLAPPED, lost)
        .note(
            "write takes the description's own lock while it uses the offset (f_pos_lock, Linux \
             3.14); before, two writes could take the same one",
        ))
}

/// What two writers left in a file.
struct Written {
    /// Records that are whole.
    whole: usize,
    /// How often the writer changes from one record to the next.
    turns: usize,
}

/// Records lost by two writers of one description, over as many rounds as it takes them to overlap:
/// to take turns, or to lose something.
fn lost(write: fn(&mut File, &[u8]) -> Result<()>) -> Result<usize> {
    for _ in 0..ROUNDS {
        let Written { whole, turns } = written(&|file| scratch::duplicate(file), write)?;
        if whole < 2 * RECORDS || turns > 1 {
            return Ok(2 * RECORDS - whole);
        }
    }
    let why = format!("in {ROUNDS} rounds one writer was always done before the other began");
    Err(NotMeasured::new(why, "allow this process two CPUs (taskset -c 0,1)").into())
}

/// Sets two children off together on a file that each gets by `obtain`.
fn written(
    obtain: &dyn Fn(&File) -> Result<File>,
    write: fn(&mut File, &[u8]) -> Result<()>,
) -> Result<Written> {
    let mut file = scratch::file(b"")?;
    let writer = |letter: u8| {
        let file = &file;
        move |parent: &mut child::Parent| {
            let mut file = obtain(file)?;
            parent.checkpoint()?;
            for _ in 0..RECORDS {
                write(&mut file, &[letter; LENGTH])?;
            }
            Ok(())
        }
    };
    let mut first = child::fork("first writer", writer(b'a'))?;
    let mut second = child::fork("second writer", writer(b'b'))?;
    first.at_checkpoint()?;
    second.at_checkpoint()?;
    first.release()?;
    second.release()?;
    first.join()?;
    second.join()?;
    let mut contents = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut contents)?;
    let whole = |record: &&[u8]| {
        [[b'a'; LENGTH], [b'b'; LENGTH]]
            .iter()
            .any(|all| all == record)
    };
    let records: Vec<&[u8]> = contents.chunks(LENGTH).filter(whole).collect();
    let turns = records.windows(2).filter(|pair| pair[0] != pair[1]).count();
    Ok(Written {
        whole: records.len(),
        turns,
    })
}

/// One write(2): offset and bytes together.
fn at_once(file: &mut File, record: &[u8]) -> Result<()> {
    Ok(file.write_all(record)?)
}

/// What write(2) would be without its lock.
fn in_steps(file: &mut File, record: &[u8]) -> Result<()> {
    let offset = file.stream_position()?;
    file.write_all_at(record, offset)?;
    file.seek(SeekFrom::Start(offset + record.len() as u64))?;
    Ok(())
}
