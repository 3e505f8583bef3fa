//! The file offset lives in the open file description.

use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, ensure};
use child::Descriptors;
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::scratch;
use nix::fcntl::OFlag;

use super::FORK;
use crate::evidence::{here, offset, position};
use crate::held_child::{ChildFile, look_at};

const DUPLICATE: Quantity = Name("offset through a duplicate after lseek to 5")
    .count(5, 0)
    .unit("bytes");
const CHILD: Quantity = Name("parent's offset after the child's lseek to 9")
    .count(9, 0)
    .unit("bytes");
const PREAD: Quantity = Name("offset after 6 bytes by pread")
    .count(0, 6)
    .unit("bytes");

const DUP: Act = Does("duplicates the descriptor")
    .call("fcntl", "F_DUPFD_CLOEXEC")
    .shown_by("the file's link and its O_RDWR at the new number, in /proc/self")
    .in_control(InControl::Instead("openat", "/proc/self/fd/ … O_RDONLY"));
const SEEK: Act = Does("moves the offset to 5")
    .call("lseek", "5, SEEK_SET")
    .shown_by(
        "pos in /proc/self/fdinfo of the descriptor that it moved; without pos, the bytes that a \
         read to the end finds",
    );
const INHERIT: Act = Does("uses the descriptor that it inherited, and opens none")
    .in_memory()
    .by("seeker")
    .shown_by("the parent's number, and its link in /proc/CHILD/fd")
    .in_control(InControl::Not);
const CHILD_SEEK: Act = Does("moves the offset to 9")
    .call("lseek", "9, SEEK_SET")
    .by("seeker")
    .shown_by(
        "pos in /proc/CHILD/fdinfo of the descriptor that it moved; without pos, the offset that \
         the child tells",
    );
const READ_AT: Act = Does("reads 6 bytes from offset 0 by pread")
    .call("pread64", "\"hello,\", 6, 0")
    .shown_by("the six bytes in memory")
    .in_control(InControl::Instead("read", "\"hello,\", 6"));

pub(super) const CLAIM: Claim = Claim {
    id: "offset",
    statement: "The file offset belongs to the open file description: every descriptor of it, in \
                every process, moves with it, and pread moves nothing.",
    measures: "Moves the offset through one descriptor and asks for it through a duplicate, and \
               through the parent's descriptor after a child moved it; then reads with pread.",
    control: "the other descriptor comes from a second open; read instead of pread",
    notes: &[6],
    example: Some("two_opens_and_a_dup"),
    acts: &[DUP, SEEK, FORK, INHERIT, CHILD_SEEK, READ_AT],
    man: &["lseek(2)", "dup(2)", "pread(2)"],
    quantities: &[DUPLICATE, CHILD, PREAD],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let reading = seek_and_ask_duplicate(arm, Reading::counters())?;
    let reading = seek_in_child(arm, reading)?;
    read_six_bytes(arm, reading)
}

fn seek_and_ask_duplicate(arm: Arm, reading: Reading) -> Result<Reading> {
    let mut file = scratch::file(b"hello, kernel")?;
    let mut duplicate = match arm {
        Arm::Experiment => scratch::duplicate(&file)?,
        Arm::Control => scratch::open_again(&file, OFlag::O_RDONLY)?,
    };
    file.seek(SeekFrom::Start(5)).context("lseek SEEK_SET")?;
    // The mode is that of the description, and a second open asked for another.
    let duplicated = here(&duplicate).leads_to(&file)?
        && here(&duplicate).access_mode()? == here(&file).access_mode()?;
    Ok(reading
        .act(&DUP, duplicated)
        .act(&SEEK, position(&file)? == 5)
        .with(&DUPLICATE, offset(&mut duplicate)?))
}

fn seek_in_child(arm: Arm, reading: Reading) -> Result<Reading> {
    let mut file = scratch::file(b"hello, kernel")?;
    let own = here(&file);
    let seek = || {
        let its = match arm {
            Arm::Experiment => ChildFile::Inherited(&file),
            Arm::Control => ChildFile::Opened(scratch::open_again(&file, OFlag::O_RDONLY)?),
        };
        (&*its).seek(SeekFrom::Start(9)).context("lseek SEEK_SET")?;
        Ok(its)
    };
    let seen = look_at(Descriptors::Copied, "seeker", seek, |its| {
        let inherited = its.fd == own.fd && its.leads_to(&file)?;
        Ok((inherited, its.info()?.pos))
    })?;
    let (inherited, shown) = seen.look;
    Ok(reading
        .act(&FORK, seen.is_child)
        .act(&INHERIT, inherited)
        .act(&CHILD_SEEK, shown.or(seen.hidden_offset) == Some(9))
        .with(&CHILD, offset(&mut file)?))
}

fn read_six_bytes(arm: Arm, reading: Reading) -> Result<Reading> {
    let mut file = scratch::file(b"hello, kernel")?;
    let (mut by_pread, mut by_read) = ([0; 6], [0; 6]);
    match arm {
        Arm::Experiment => file.read_exact_at(&mut by_pread, 0).context("pread")?,
        Arm::Control => file.read_exact(&mut by_read).context("read")?,
    }
    ensure!(by_pread != by_read, "no bytes were read");
    Ok(reading
        .act(&READ_AT, &by_pread == b"hello,")
        .with(&PREAD, offset(&mut file)?))
}
