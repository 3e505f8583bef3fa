//! The file offset lives in the open file description.

use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use anyhow::{Result, ensure};
use claim::{Arm, Claim, Name, Quantity, Reading};
use harness::scratch;
use nix::fcntl::OFlag;

const DUPLICATE: Quantity = Name("offset through a duplicate after lseek to 5")
    .count(5, 0)
    .unit("bytes");
const CHILD: Quantity = Name("parent's offset after the child's lseek to 9")
    .count(9, 0)
    .unit("bytes");
const PREAD: Quantity = Name("offset after 6 bytes by pread")
    .count(0, 6)
    .unit("bytes");

pub(super) const CLAIM: Claim = Claim {
    id: "offset",
    statement: "The file offset belongs to the open file description: every descriptor of it, in \
                every process, moves with it, and pread moves nothing.",
    measures: "Moves the offset through one descriptor and asks for it through a duplicate, and \
               through the parent's descriptor after a child moved it; then reads with pread.",
    control: "the other descriptor comes from a second open; read instead of pread",
    notes: &[6],
    syscalls: &["dup", "fork", "lseek", "pread64", "read"],
    man: &["lseek(2)", "dup(2)", "pread(2)"],
    quantities: &[DUPLICATE, CHILD, PREAD],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let another = |file: &std::fs::File| match arm {
        Arm::Experiment => scratch::duplicate(file),
        Arm::Control => scratch::open_again(file, OFlag::O_RDONLY),
    };

    let mut file = scratch::file(b"hello, kernel")?;
    let mut duplicate = another(&file)?;
    file.seek(SeekFrom::Start(5))?;
    let through_duplicate = duplicate.stream_position()?;

    let mut file = scratch::file(b"hello, kernel")?;
    child::fork("seeker", |_| Ok(another(&file)?.seek(SeekFrom::Start(9))?))?.join()?;
    let after_child = file.stream_position()?;

    let mut file = scratch::file(b"hello, kernel")?;
    let mut bytes = [0; 6];
    match arm {
        Arm::Experiment => file.read_exact_at(&mut bytes, 0)?,
        Arm::Control => file.read_exact(&mut bytes)?,
    }
    ensure!(&bytes == b"hello,", "the six bytes were not read");
    let after_pread = file.stream_position()?;

    Ok(Reading::counters()
        .with(&DUPLICATE, through_duplicate)
        .with(&CHILD, after_child)
        .with(&PREAD, after_pread))
}
