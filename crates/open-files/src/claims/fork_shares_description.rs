//! fork gives the child references to the parent's open file descriptions, not copies of them.

use std::io::{Read, Seek};
use std::os::fd::AsRawFd;

use anyhow::Result;
use claim::{Arm, Claim, DIFFERENT, Name, Quantity, Reading, SAME, sameness};
use harness::scratch;
use nix::fcntl::OFlag;

/// Bytes that the child reads.
const READ: usize = 6;

const OFFSET: Quantity = Name("parent's offset after the child read 6 bytes")
    .count(READ as u64, 0)
    .unit("bytes");
const DESCRIPTION: Quantity = Name("description of parent and child").word(SAME, DIFFERENT);

pub(super) const CLAIM: Claim = Claim {
    id: "fork-shares-description",
    statement: "After fork, parent and child refer to one open file description: what the child \
                reads moves the parent's offset.",
    measures: "The parent opens a file and forks; the child reads 6 bytes through the inherited \
               descriptor; the parent then asks for its own offset, and kcmp compares the two \
               descriptors.",
    control: "the child opens the file itself instead of using what it inherited",
    notes: &[7],
    needs: &["kcmp, or pidfd_getfd and F_DUPFD_QUERY, on a child of one's own"],
    syscalls: &["fork", "read", "lseek", "kcmp"],
    man: &["fork(2)", "open(2)", "kcmp(2)"],
    quantities: &[OFFSET, DESCRIPTION],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let mut file = scratch::file(b"hello, kernel")?;
    let mut reader = child::fork("reader", |parent| {
        let opened;
        let mut reader = match arm {
            Arm::Experiment => &file,
            Arm::Control => {
                opened = scratch::open_again(&file, OFlag::O_RDONLY)?;
                &opened
            }
        };
        reader.read_exact(&mut [0; READ])?;
        parent.send(&reader.as_raw_fd())?;
        Ok(parent.checkpoint()?)
    })?;
    let its_fd: i32 = reader.recv()?;
    reader.at_checkpoint()?;
    let own = std::process::id() as i32;
    let same = observe::description::same((own, file.as_raw_fd()), (reader.pid(), its_fd))?;
    let offset = file.stream_position()?;
    reader.release()?;
    reader.join()?;
    Ok(Reading::kernel()
        .with(&OFFSET, offset)
        .with(&DESCRIPTION, sameness(same)))
}
