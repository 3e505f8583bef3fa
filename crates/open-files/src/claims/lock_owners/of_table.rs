//! Locks of the descriptor table: POSIX locks (fcntl_locking(2)).

use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};

use anyhow::{Context, Result, ensure};
use child::Descriptors;
use claim::{Act, Arm, Does, InControl};
use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::gettid;
use observe::Error;
use serde::{Deserialize, Serialize};

use super::super::{before_and_after_text, outcome};
use super::{ask, file, is_second_open, second_open};
use crate::evidence::{Place, has_lock, is_own_child, whole_file};
use crate::held_child::ChildFile;
use crate::{second_thread, tables};

pub(super) const TAKE_POSIX: Act = Does("takes a POSIX lock")
    .call("fcntl", "F_SETLK, {l_type=F_WRLCK")
    .times(2)
    .shown_by("POSIX as lock in /proc/self/fdinfo");
pub(super) const ASK_FORKED: Act = Does("asks for a lock that its parent has")
    .call("fcntl", "F_SETLK … EAGAIN")
    .by("forked asker")
    .shown_by(
        "the number that it tells, whose PPid in /proc is the measuring process; O_NONBLOCK of its \
         descriptor, which changes with the parent's where it was inherited and does not where the \
         child opened the file; and no new descriptor of the parent's in its table",
    );
pub(super) const ASK_SHARING: Act = Does("asks for a lock that its table has")
    .call("fcntl", "F_SETLK")
    .by("sharing asker")
    .shown_by(
        "the number that it tells, whose PPid in /proc is the measuring process; O_NONBLOCK of its \
         descriptor, which changes with the parent's; and a new descriptor of the parent's in its \
         table",
    )
    .or_not_measured(super::SHARES_TABLES);
pub(super) const UNSHARE: Act = Does("takes a table of its own")
    .call("unshare", "CLONE_FILES")
    .by(second_thread::SECOND)
    .shown_by("a descriptor that it opens, which is not in /proc/PID/fd of its process")
    .in_control(InControl::Not);
pub(super) const CLOSE: Act = Does("closes a second open of the file before it asks again")
    .in_memory()
    .shown_by("at that moment, no such number in /proc/self/fd")
    .in_control(InControl::Not);

/// A file with a POSIX lock, and whether the lock is seen.
fn locked_file() -> Result<(File, bool)> {
    let file = file()?;
    ensure!(posix(&file)?.is_ok(), "a file of one's own is locked");
    let taken = has_lock(&file, "POSIX")?;
    Ok((file, taken))
}

fn posix(file: &File) -> Result<Result<(), Errno>> {
    let lock = whole_file();
    let refusal = |errno| Error::new("fcntl F_SETLK", errno);
    ask(refusal, || fcntl(file, FcntlArg::F_SETLK(&lock)))
}

/// A lock that was asked for again by others.
pub(super) struct Again {
    pub(super) forked: String,
    pub(super) second_open: String,
    pub(super) same_table: String,
    pub(super) taken: bool,
    pub(super) opened: bool,
    pub(super) by_forked_child: bool,
    pub(super) by_sharing_child: bool,
}

/// Asks for a POSIX lock that is held: by a forked process, through a second open, and by a process
/// that shares the descriptor table. In the control the askers that were granted it and the refused
/// one change places; it asks through a description of its own, so that it is refused wherever a
/// lock has any owner.
pub(super) fn ask_again(arm: Arm) -> Result<Again> {
    let (file, taken) = locked_file()?;
    // It stays open to the end: closing it would give the lock up.
    let second = second_open(&file)?;
    let opened = is_second_open(&second, &file)?;
    let sharing = ask_in_child(Descriptors::Shared, Through::Inherited, &file)?;
    let through = arm.choose(Through::Inherited, Through::SecondOpen);
    let forked = ask_in_child(Descriptors::Copied, through, &file)?;
    let through_second = outcome(posix(&second)?);
    let (by_sharing_child, by_forked_child) = (sharing.is_meant, forked.is_meant);
    let [forked, second_open, same_table] = match arm {
        Arm::Experiment => [forked.outcome, through_second, sharing.outcome],
        Arm::Control => [sharing.outcome, forked.outcome.clone(), forked.outcome],
    };
    Ok(Again {
        forked,
        second_open,
        same_table,
        taken,
        opened,
        by_forked_child,
        by_sharing_child,
    })
}

/// What a child was answered, and whether it was the child that is meant.
struct Asked {
    outcome: String,
    is_meant: bool,
}

/// What a child asks through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Through {
    /// The descriptor that it has from its parent.
    Inherited,
    /// One that it makes by opening the file again.
    SecondOpen,
}

fn ask_in_child(table: Descriptors, through: Through, file: &File) -> Result<Asked> {
    let name = match table {
        Descriptors::Copied => "forked asker",
        Descriptors::Shared => "sharing asker",
    };
    let mut asker = child::fork_with(table, name, |parent| {
        let its = match through {
            Through::Inherited => ChildFile::Inherited(file),
            Through::SecondOpen => ChildFile::Opened(second_open(file)?),
        };
        let answer = outcome(posix(&its)?);
        // Each thread has a table; that of the asking one counts.
        parent.send(&(
            std::process::id() as i32,
            gettid().as_raw(),
            its.as_raw_fd(),
        ))?;
        parent.checkpoint()?;
        Ok(answer)
    })?;
    let (pid, thread, fd): (i32, i32, RawFd) = asker.recv()?;
    asker.at_checkpoint()?;
    let its = Place { pid: thread, fd };
    let shares_table = tables::shows_new_descriptor(its.pid)?;
    let is_meant = pid == asker.pid()
        && is_own_child(thread)?
        && its.leads_to(file)?
        && its.follows(file)? == (through == Through::Inherited)
        && shares_table == (table == Descriptors::Shared);
    asker.release()?;
    Ok(Asked {
        outcome: asker.join()?,
        is_meant,
    })
}

/// What became of a lock around a close.
pub(super) struct Lost {
    pub(super) around: String,
    pub(super) taken: bool,
    pub(super) by_forked_child: bool,
    pub(super) opened: bool,
    pub(super) closed: bool,
}

pub(super) fn close_second_open(arm: Arm) -> Result<Lost> {
    let (file, taken) = locked_file()?;
    let second = second_open(&file)?;
    let (number, opened) = (second.as_raw_fd(), is_second_open(&second, &file)?);
    let before = ask_in_child(Descriptors::Copied, Through::SecondOpen, &file)?;
    let _still_open = match arm {
        Arm::Experiment => {
            drop(second);
            None
        }
        Arm::Control => Some(second),
    };
    let closed = !scratch::is_open(number)?;
    let after = ask_in_child(Descriptors::Copied, Through::SecondOpen, &file)?;
    Ok(Lost {
        by_forked_child: before.is_meant && after.is_meant,
        around: before_and_after_text([before.outcome, after.outcome]),
        taken,
        opened,
        closed,
    })
}

/// What a thread was answered.
#[derive(Serialize, Deserialize)]
pub(super) struct InThread {
    pub(super) outcome: String,
    pub(super) taken: bool,
    pub(super) has_own_table: bool,
}

/// The second thread of a process asks for the lock that the first has taken.
pub(super) fn ask_in_thread(arm: Arm) -> Result<InThread> {
    second_thread::run(
        || Ok((locked_file()?, std::process::id() as i32)),
        |((file, taken), process)| {
            if arm == Arm::Experiment {
                unshare(CloneFlags::CLONE_FILES).context("unshare CLONE_FILES")?;
            }
            Ok(InThread {
                outcome: outcome(posix(file)?),
                taken: *taken && second_thread::is_second_of(*process),
                has_own_table: !tables::shows_new_descriptor(*process)?,
            })
        },
    )
}
