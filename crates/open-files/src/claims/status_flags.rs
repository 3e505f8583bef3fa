//! File status flags live in the open file description, FD_CLOEXEC in the descriptor.

use std::fs::File;

use anyhow::{Context, Result};
use child::Descriptors;
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::scratch;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::unistd::dup;

use super::FORK;
use crate::evidence::{here, status_flags};
use crate::held_child::{ChildFile, Seen, look_at};

const NONBLOCK: Quantity = Name("O_NONBLOCK, set through a duplicate").word(SET, CLEAR);
const APPEND: Quantity = Name("O_APPEND, set by a child").word(SET, CLEAR);
const CLOEXEC: Quantity = Name("FD_CLOEXEC, set on a duplicate").word(CLEAR, SET);
const MARKED: Quantity = Name("FD_CLOEXEC of that duplicate").word(SET, CLEAR);
const SET: &str = "set";
const CLEAR: &str = "clear";

const DUP: Act = Does("duplicates the descriptor")
    .call("dup", "")
    .shown_by("the file's link and its O_RDWR at the new number, in /proc/self")
    .in_control(InControl::Instead("openat", "/proc/self/fd/ … O_WRONLY"));
const SET_NONBLOCK: Act = Does("sets O_NONBLOCK through the other descriptor")
    .call("fcntl", "F_SETFL … O_NONBLOCK")
    .shown_by("O_NONBLOCK in /proc/self/fdinfo of that descriptor");
const INHERIT: Act = Does("uses the descriptor that it inherited, and opens none")
    .in_memory()
    .by("appender")
    .shown_by("the parent's number, and its link in /proc/CHILD/fd")
    .in_control(InControl::Not);
const SET_APPEND: Act = Does("sets O_APPEND")
    .call("fcntl", "F_SETFL … O_APPEND")
    .by("appender")
    .shown_by("O_APPEND in /proc/CHILD/fdinfo of its descriptor");
const SET_CLOEXEC: Act = Does("sets FD_CLOEXEC on one of two descriptors")
    .call("fcntl", "F_SETFD, FD_CLOEXEC")
    .shown_by("the bit O_CLOEXEC in /proc/self/fdinfo of that one");

pub(super) const CLAIM: Claim = Claim {
    id: "status-flags",
    statement: "File status flags such as O_APPEND and O_NONBLOCK belong to the open file \
                description and are shared; FD_CLOEXEC belongs to the descriptor and is not.",
    measures: "Sets each flag through another descriptor of the description and reads it back \
               through the original.",
    control: "status flags are set on a second open of the file, FD_CLOEXEC on the original itself",
    notes: &[6],
    acts: &[DUP, SET_NONBLOCK, FORK, INHERIT, SET_APPEND, SET_CLOEXEC],
    man: &["fcntl(2)", "open(2)"],
    quantities: &[NONBLOCK, APPEND, CLOEXEC, MARKED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let original = scratch::file(b"hello, kernel")?;
    let reading = set_here(arm, &original, Reading::counters())?;
    let reading = set_in_child(arm, &original, reading)?;
    let status = status_flags(&original)?;
    let reading = reading
        .with(&NONBLOCK, word(status.contains(OFlag::O_NONBLOCK)))
        .with(&APPEND, word(status.contains(OFlag::O_APPEND)));
    mark(arm, &original, reading)
}

fn set_here(arm: Arm, original: &File, reading: Reading) -> Result<Reading> {
    let other: File = match arm {
        Arm::Experiment => dup(original).context("dup")?.into(),
        Arm::Control => scratch::open_again(original, OFlag::O_WRONLY)?,
    };
    set(&other, OFlag::O_NONBLOCK)?;
    let duplicated = here(&other).leads_to(original)? && here(&other).access_mode()? == "O_RDWR";
    Ok(reading
        .act(&DUP, duplicated)
        .act(&SET_NONBLOCK, here(&other).has_flag(OFlag::O_NONBLOCK)?))
}

fn set_in_child(arm: Arm, original: &File, reading: Reading) -> Result<Reading> {
    let append = || {
        let its = match arm {
            Arm::Experiment => ChildFile::Inherited(original),
            Arm::Control => ChildFile::Opened(scratch::open_again(original, OFlag::O_WRONLY)?),
        };
        set(&its, OFlag::O_APPEND)?;
        Ok(its)
    };
    let Seen { look, is_child, .. } = look_at(Descriptors::Copied, "appender", append, |its| {
        let inherited = its.fd == here(original).fd && its.leads_to(original)?;
        Ok((inherited, its.has_flag(OFlag::O_APPEND)?))
    })?;
    let (inherited, set) = look;
    Ok(reading
        .act(&FORK, is_child)
        .act(&INHERIT, inherited)
        .act(&SET_APPEND, set))
}

/// Marks one of two descriptors of the description as close-on-exec, neither of which was.
fn mark(arm: Arm, original: &File, reading: Reading) -> Result<Reading> {
    let duplicate = scratch::duplicate(original)?;
    for fd in [original, &duplicate] {
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty())).context("fcntl F_SETFD")?;
    }
    let marked = arm.choose(&duplicate, original);
    fcntl(marked, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).context("fcntl F_SETFD")?;
    Ok(reading
        .act(&SET_CLOEXEC, here(marked).info()?.close_on_exec)
        .with(&CLOEXEC, word(closes_on_exec(original)?))
        .with(&MARKED, word(closes_on_exec(&duplicate)?)))
}

fn word(set: bool) -> &'static str {
    if set { SET } else { CLEAR }
}

fn closes_on_exec(file: &File) -> Result<bool> {
    let flags = fcntl(file, FcntlArg::F_GETFD).context("fcntl F_GETFD")?;
    Ok(FdFlag::from_bits_retain(flags).contains(FdFlag::FD_CLOEXEC))
}

fn set(file: &File, flag: OFlag) -> Result<()> {
    let flags = status_flags(file)? | flag;
    fcntl(file, FcntlArg::F_SETFL(flags)).context("fcntl F_SETFL")?;
    Ok(())
}
