//! File status flags live in the open file description, FD_CLOEXEC in the descriptor.

use std::fs::File;

use anyhow::{Context, Result};
use claim::{Arm, Claim, Name, Quantity, Reading};
use harness::scratch;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};

const NONBLOCK: Quantity = Name("O_NONBLOCK, set through a duplicate").word(SET, CLEAR);
const APPEND: Quantity = Name("O_APPEND, set by a child").word(SET, CLEAR);
const CLOEXEC: Quantity = Name("FD_CLOEXEC, set on a duplicate").word(CLEAR, SET);
const MARKED: Quantity = Name("FD_CLOEXEC of that duplicate").word(SET, CLEAR);
const SET: &str = "set";
const CLEAR: &str = "clear";

pub(super) const CLAIM: Claim = Claim {
    id: "status-flags",
    statement: "File status flags such as O_APPEND and O_NONBLOCK belong to the open file \
                description and are shared; FD_CLOEXEC belongs to the descriptor and is not.",
    measures: "Sets each flag through another descriptor of the description and reads it back \
               through the original.",
    control: "status flags are set on a second open of the file, FD_CLOEXEC on the original itself",
    notes: &[6],
    syscalls: &["dup", "fork", "fcntl"],
    man: &["fcntl(2)", "open(2)"],
    quantities: &[NONBLOCK, APPEND, CLOEXEC, MARKED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let original = scratch::file(b"hello, kernel")?;
    let another = || match arm {
        Arm::Experiment => scratch::duplicate(&original),
        Arm::Control => scratch::open_again(&original, OFlag::O_RDWR),
    };

    set(&another()?, OFlag::O_NONBLOCK)?;
    child::fork("appender", |_| Ok(set(&another()?, OFlag::O_APPEND)?))?.join()?;
    let status = fcntl(&original, FcntlArg::F_GETFL).context("fcntl F_GETFL")?;
    let status = OFlag::from_bits_retain(status);

    let duplicate = scratch::duplicate(&original)?;
    for fd in [&original, &duplicate] {
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty())).context("fcntl F_SETFD")?;
    }
    let marked = arm.choose(&duplicate, &original);
    fcntl(marked, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).context("fcntl F_SETFD")?;

    let word = |set: bool| if set { SET } else { CLEAR };
    Ok(Reading::counters()
        .with(&NONBLOCK, word(status.contains(OFlag::O_NONBLOCK)))
        .with(&APPEND, word(status.contains(OFlag::O_APPEND)))
        .with(&CLOEXEC, word(closes_on_exec(&original)?))
        .with(&MARKED, word(closes_on_exec(&duplicate)?)))
}

fn closes_on_exec(file: &File) -> Result<bool> {
    let flags = fcntl(file, FcntlArg::F_GETFD).context("fcntl F_GETFD")?;
    Ok(FdFlag::from_bits_retain(flags).contains(FdFlag::FD_CLOEXEC))
}

fn set(file: &File, flag: OFlag) -> Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL).context("fcntl F_GETFL")?);
    fcntl(file, FcntlArg::F_SETFL(flags | flag)).context("fcntl F_SETFL")?;
    Ok(())
}
