//! Who owns a file lock: the open file description (flock, OFD) or the descriptor table (POSIX).

use std::fs::{File, TryLockError};

use anyhow::{Context, Result};
use child::Descriptors;
use claim::{Arm, Claim, Name, Quantity, Reading};
use harness::retry::on_interrupt;
use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sched::{CloneFlags, unshare};
use observe::{Error, Operation};

use super::{before_and_after_text, outcome};
use crate::{flock, second_thread};

const FLOCK_OTHER: Quantity = Name("flock again through a second open").word("EAGAIN", "ok");
const FLOCK: Quantity = Name("flock again through a duplicate").word("ok", "EAGAIN");
const FLOCK_CHILD: Quantity = Name("flock around a child's unlock of what it inherited")
    .word("held, then free", "held, then held");
const OFD_OTHER: Quantity = Name("OFD lock again through a second open").word("EAGAIN", "ok");
const OFD: Quantity = Name("OFD lock again through a duplicate").word("ok", "EAGAIN");
const POSIX_FORKED: Quantity = Name("POSIX lock by a forked child").word("EAGAIN", "ok");
const POSIX: Quantity = Name("POSIX lock again through a second open").word("ok", "EAGAIN");
const POSIX_TABLE: Quantity = Name("POSIX lock by a CLONE_FILES child").word("ok", "EAGAIN");
const POSIX_THREAD: Quantity =
    Name("POSIX lock by a thread with a table of its own").word("EAGAIN", "ok");
const POSIX_LOST: Quantity = Name("POSIX lock around our close of a second open")
    .word("EAGAIN, then ok", "EAGAIN, then EAGAIN");

pub(super) const CLAIM: Claim = Claim {
    id: "lock-owners",
    statement: "flock and OFD locks belong to the open file description, POSIX locks to the \
                descriptor table, and not, as is often said, to the process.",
    measures: "Takes a write lock and asks for it again as somebody else; `ok` means that the \
               kernel takes the two for one owner, EAGAIN that it does not.",
    control: "those who are one owner and those who are not change places; the child unlocks a \
              second open; nothing is closed; no table is unshared",
    notes: &[5, 7],
    syscalls: &["flock", "fcntl", "fork", "clone", "unshare"],
    man: &["flock(2)", "fcntl_locking(2)", "clone(2)"],
    quantities: &[
        FLOCK_OTHER,
        FLOCK,
        FLOCK_CHILD,
        OFD_OTHER,
        OFD,
        POSIX_FORKED,
        POSIX,
        POSIX_TABLE,
        POSIX_THREAD,
        POSIX_LOST,
    ],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let [flock_other, flock] = lock_again(arm, flock)?;
    let [ofd_other, ofd] = lock_again(arm, ofd)?;
    let [forked, second_open, same_table] = lock_posix_again(arm)?;
    Ok(Reading::kernel()
        .with(&FLOCK_OTHER, flock_other)
        .with(&FLOCK, flock)
        .with(&FLOCK_CHILD, unlock_by_child(arm)?)
        .with(&OFD_OTHER, ofd_other)
        .with(&OFD, ofd)
        .with(&POSIX_FORKED, forked)
        .with(&POSIX, second_open)
        .with(&POSIX_TABLE, same_table)
        .with(&POSIX_THREAD, lock_posix_in_thread(arm)?)
        .with(&POSIX_LOST, close_second_open(arm)?)
        .note(
            "a process is taken for the owner because fork copies the table and threads share it; \
             unshare(CLONE_FILES) and clone(CLONE_FILES) tell the two apart",
        ))
}

fn file() -> Result<File> {
    Ok(scratch::file(b"hello, kernel")?)
}

fn second_open(file: &File) -> Result<File> {
    Ok(scratch::open_again(file, OFlag::O_RDWR)?)
}

/// Asks for a lock that is held through a second open and through a duplicate. What is refused
/// first shows that the lock was there for the second to be granted.
fn lock_again(arm: Arm, ask: fn(&File) -> Result<Result<(), Errno>>) -> Result<[String; 2]> {
    let file = file()?;
    ask(&file)?.context("lock a file of one's own")?;
    let (other, duplicate) = (second_open(&file)?, scratch::duplicate(&file)?);
    let [first, second] = arm.choose([&other, &duplicate], [&duplicate, &other]);
    Ok([outcome(ask(first)?), outcome(ask(second)?)])
}

fn unlock_by_child(arm: Arm) -> Result<String> {
    let file = file()?;
    let witness = second_open(&file)?;
    file.lock().context("flock LOCK_EX")?;
    let before = flock::state(&witness)?;
    let another = || match arm {
        Arm::Experiment => Ok(scratch::duplicate(&file)?),
        Arm::Control => second_open(&file),
    };
    child::fork("unlocker", |_| Ok(another()?.unlock()?))?.join()?;
    Ok(before_and_after_text([before, flock::state(&witness)?]))
}

/// Asks for a POSIX lock that is held: by a forked process, through a second open, and by a process
/// that shares the descriptor table. In the control the askers that were granted it and the
/// refused one change places.
fn lock_posix_again(arm: Arm) -> Result<[String; 3]> {
    let file = file()?;
    posix(&file)?.context("fcntl F_SETLK")?;
    let forked = || lock_posix_in_child(Descriptors::Copied, &file);
    let same_table = || lock_posix_in_child(Descriptors::Shared, &file);
    // It stays open to the end: closing it would give the lock up.
    let second = second_open(&file)?;
    match arm {
        Arm::Experiment => Ok([forked()?, outcome(posix(&second)?), same_table()?]),
        Arm::Control => Ok([same_table()?, forked()?, forked()?]),
    }
}

fn close_second_open(arm: Arm) -> Result<String> {
    let file = file()?;
    posix(&file)?.context("fcntl F_SETLK")?;
    let mut unrelated = Some(second_open(&file)?);
    let before = lock_posix_in_child(Descriptors::Copied, &file)?;
    if arm == Arm::Experiment {
        unrelated = None;
    }
    let after = lock_posix_in_child(Descriptors::Copied, &file)?;
    drop(unrelated);
    Ok(before_and_after_text([before, after]))
}

fn lock_posix_in_thread(arm: Arm) -> Result<String> {
    let locked = || {
        let file = file()?;
        posix(&file)?.context("fcntl F_SETLK")?;
        Ok(file)
    };
    second_thread::run(locked, |file| {
        if arm == Arm::Experiment {
            unshare(CloneFlags::CLONE_FILES).context("unshare CLONE_FILES")?;
        }
        Ok(outcome(posix(file)?))
    })
}

fn lock_posix_in_child(table: Descriptors, file: &File) -> Result<String> {
    let asker = child::fork_with(table, "asker", |_| Ok(outcome(posix(file)?)))?;
    Ok(asker.join()?)
}

fn posix(file: &File) -> Result<Result<(), Errno>> {
    let asked = on_interrupt(|| fcntl(file, FcntlArg::F_SETLK(&whole_file())));
    ask(asked, "fcntl F_SETLK", Operation::Other)
}

fn flock(file: &File) -> Result<Result<(), Errno>> {
    match on_interrupt(|| file.try_lock()) {
        Ok(()) => Ok(Ok(())),
        Err(TryLockError::WouldBlock) => Ok(Err(Errno::EAGAIN)),
        Err(TryLockError::Error(error)) => Err(error).context("flock LOCK_EX | LOCK_NB"),
    }
}

fn ofd(file: &File) -> Result<Result<(), Errno>> {
    let asked = on_interrupt(|| fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file())));
    ask(asked, "fcntl F_OFD_SETLK", Operation::OfdLock)
}

/// Granted, or refused with one of the two numbers that fcntl_locking(2) allows for it.
fn ask(
    result: Result<i32, Errno>,
    call: &'static str,
    kind: Operation,
) -> Result<Result<(), Errno>> {
    match result {
        Ok(_) => Ok(Ok(())),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(Err(Errno::EAGAIN)),
        Err(errno) => Err(Error::new(call, errno).of(kind).into()),
    }
}

/// A write lock on the whole file.
fn whole_file() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}
