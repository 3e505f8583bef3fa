//! Two writers through one description share its offset and never overwrite each other.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use claim::{Arm, Claim, Prediction, Quantity, Reading};
use nix::fcntl::OFlag;

use crate::scratch;

const SHARED: &str = "records left of 2000, written through one description";
const APPENDED: &str = "records left of 2000, through two descriptions with O_APPEND";
/// Records that each of the two writers writes, and their length in bytes.
const RECORDS: u64 = 1000;
const LENGTH: u64 = 16;

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "shared-offset-writers",
    topic: "open-files",
    statement: "Two processes that write through one open file description never overwrite each \
                other; through two descriptions they do, unless both have O_APPEND.",
    measures: "Two children, released together, write 1000 records of 16 bytes each; the records in \
               the file are counted.",
    control: "each child opens the file itself, without O_APPEND",
    notes: &[6, 7],
    needs: &[],
    syscalls: &["fork", "write", "open"],
    man: &["write(2)", "open(2)"],
    quantities: &[
        Quantity {
            name: SHARED,
            unit: "",
            experiment: Prediction::Count(2 * RECORDS),
            control: Prediction::Count(RECORDS),
        },
        Quantity {
            name: APPENDED,
            unit: "",
            experiment: Prediction::Count(2 * RECORDS),
            control: Prediction::Count(RECORDS),
        },
    ],
    limit: Duration::from_secs(10),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let plain = OFlag::O_WRONLY;
    let (shared, appended) = match arm {
        Arm::Experiment => (
            records(&|file| scratch::duplicate(file))?,
            records(&|file| scratch::open_again(file, plain | OFlag::O_APPEND))?,
        ),
        Arm::Control => {
            let own = |file: &File| scratch::open_again(file, plain);
            (records(&own)?, records(&own)?)
        }
    };
    Ok(Reading::counters().with(SHARED, shared).with(APPENDED, appended).note(
        "write moves the offset under the description's own lock (f_pos_lock, Linux 3.14), so the \
         two writes are ordered even where they overlap in time",
    ))
}

/// How many records two children leave in a file that each gets by `obtain`.
fn records(obtain: &dyn Fn(&File) -> Result<File>) -> Result<u64> {
    let file = scratch::file(b"")?;
    let writer = |letter: u8| {
        let file = &file;
        move |parent: &mut child::Parent| {
            let mut file = obtain(file)?;
            parent.checkpoint()?;
            for _ in 0..RECORDS {
                file.write_all(&[letter; LENGTH as usize])?;
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
    Ok(file.metadata()?.len() / LENGTH)
}
