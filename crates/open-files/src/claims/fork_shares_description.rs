//! fork gives the child references to the parent's open file descriptions, not copies of them.

use std::io::Read;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use claim::{Act, Arm, Claim, DIFFERENT, Does, InControl, Name, Quantity, Reading, SAME, sameness};
use harness::scratch;
use nix::fcntl::OFlag;

use super::FORK;
use crate::evidence::{Place, here, is_own_child, offset};

/// What the child reads.
const BYTES: &[u8; 6] = b"hello,";

const OFFSET: Quantity = Name("parent's offset after the child read 6 bytes")
    .count(BYTES.len() as u64, 0)
    .unit("bytes");
const DESCRIPTION: Quantity = Name("description of parent and child").word(SAME, DIFFERENT);

/// A number that was inherited is used as it is; nothing is asked of the kernel for it.
const INHERIT: Act = Does("uses the descriptor that it inherited, and opens none")
    .in_memory()
    .by("reader")
    .shown_by("the parent's number, and its link in /proc/CHILD/fd")
    .in_control(InControl::Not);
const READ: Act = Does("reads 6 bytes")
    .call("read", "\"hello,\", 6")
    .by("reader")
    .shown_by("the six bytes, which it sends to its parent");

pub(super) const CLAIM: Claim = Claim {
    id: "fork-shares-description",
    statement: "After fork, parent and child refer to one open file description: what the child \
                reads moves the parent's offset.",
    measures: "The parent opens a file and forks; the child reads 6 bytes through the inherited \
               descriptor; the parent then asks for its own offset, and kcmp compares the two \
               descriptors.",
    control: "the child opens the file itself instead of using what it inherited",
    notes: &[7],
    example: Some("fork_shares_offset"),
    lesson: Some("strace-fork-shares-offset"),
    needs: &["kcmp, or pidfd_getfd and F_DUPFD_QUERY, or the flags in fdinfo of a child"],
    acts: &[FORK, INHERIT, READ],
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
        let mut bytes = [0; BYTES.len()];
        reader.read_exact(&mut bytes).context("read")?;
        parent.send(&(reader.as_raw_fd(), bytes))?;
        Ok(parent.checkpoint()?)
    })?;
    let (fd, bytes): (i32, [u8; BYTES.len()]) = reader.recv()?;
    reader.at_checkpoint()?;
    let its = Place {
        pid: reader.pid(),
        fd,
    };
    let own = here(&file);
    let same = observe::description::same((own.pid, own.fd), (its.pid, its.fd))?;
    let offset = offset(&mut file)?;
    let reading = Reading::kernel()
        .act(&FORK, is_own_child(its.pid)?)
        .act(&INHERIT, its.fd == own.fd && its.leads_to(&file)?)
        .act(&READ, &bytes == BYTES)
        .with(&OFFSET, offset)
        .with(&DESCRIPTION, sameness(same));
    reader.release()?;
    reader.join()?;
    Ok(reading)
}
