//! Who owns a file lock: the open file description (flock, OFD) or the descriptor table (POSIX).

use std::fs::File;
use std::time::Duration;

use anyhow::{Context, Result};
use child::Descriptors;
use claim::{Arm, Claim, Quantity, Reading};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sched::{CloneFlags, unshare};

use super::outcome;
use crate::{flock, scratch, threaded};

const FLOCK: &str = "flock again through a duplicate";
const FLOCK_CHILD: &str = "flock after a child unlocked its inherited descriptor";
const OFD: &str = "OFD lock again through a duplicate";
const POSIX: &str = "POSIX lock again through a second open, same process";
const POSIX_LOST: &str = "POSIX lock after closing another descriptor of the file";
const POSIX_TABLE: &str = "POSIX lock by a second process with the same descriptor table";
const POSIX_THREAD: &str = "POSIX lock by a thread that unshared the descriptor table";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "lock-owners",
    topic: "open-files",
    statement: "flock and OFD locks belong to the open file description, POSIX locks to the \
                descriptor table, and not, as is often said, to the process.",
    measures: "Takes a write lock and asks for it again as somebody else; `ok` means that the kernel \
               takes the two for one owner, EAGAIN that it does not.",
    control: "asks through a second open (flock, OFD); a forked child asks on the same description \
              (POSIX); nothing is closed; no table is unshared",
    notes: &[5, 7],
    needs: &[],
    syscalls: &["flock", "fcntl", "fork", "clone", "unshare"],
    man: &["flock(2)", "fcntl_locking(2)", "clone(2)"],
    quantities: &[
        Quantity::word(FLOCK, "ok", "EAGAIN"),
        Quantity::word(FLOCK_CHILD, flock::FREE, flock::HELD),
        Quantity::word(OFD, "ok", "EAGAIN"),
        Quantity::word(POSIX, "ok", "EAGAIN"),
        Quantity::word(POSIX_LOST, "ok", "EAGAIN"),
        Quantity::word(POSIX_TABLE, "ok", "EAGAIN"),
        Quantity::word(POSIX_THREAD, "EAGAIN", "ok"),
    ],
    limit: Duration::from_secs(5),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    Ok(Reading::kernel()
        .with(FLOCK, flock_again(arm)?)
        .with(FLOCK_CHILD, flock_unlocked_by_child(arm)?)
        .with(OFD, ofd_again(arm)?)
        .with(POSIX, posix_again(arm)?)
        .with(POSIX_LOST, posix_after_close(arm)?)
        .with(POSIX_TABLE, posix_by_process(arm)?)
        .with(POSIX_THREAD, posix_by_thread(arm)?)
        .note(
            "a process is taken for the owner because fork copies the table and threads share it; \
             unshare(CLONE_FILES) and clone(CLONE_FILES) tell the two apart",
        ))
}

fn file() -> Result<File> {
    scratch::file(b"hello, kernel")
}

fn second_open(file: &File) -> Result<File> {
    scratch::open_again(file, OFlag::O_RDWR)
}

/// In the experiment another reference to the description, in the control a second open.
fn another(arm: Arm, file: &File) -> Result<File> {
    match arm {
        Arm::Experiment => scratch::duplicate(file),
        Arm::Control => second_open(file),
    }
}

fn flock_again(arm: Arm) -> Result<&'static str> {
    let file = file()?;
    file.lock().context("flock LOCK_EX")?;
    Ok(match flock::state(&another(arm, &file)?)? {
        flock::FREE => "ok",
        _ => "EAGAIN",
    })
}

fn flock_unlocked_by_child(arm: Arm) -> Result<&'static str> {
    let file = file()?;
    let witness = second_open(&file)?;
    file.lock().context("flock LOCK_EX")?;
    child::fork("unlocker", |_| Ok(another(arm, &file)?.unlock()?))?.join()?;
    flock::state(&witness)
}

fn ofd_again(arm: Arm) -> Result<String> {
    let file = file()?;
    ofd(&file)?.context("fcntl F_OFD_SETLK")?;
    Ok(outcome(ofd(&another(arm, &file)?)?))
}

fn posix_again(arm: Arm) -> Result<String> {
    let file = file()?;
    posix(&file)?.context("fcntl F_SETLK")?;
    match arm {
        Arm::Experiment => Ok(outcome(posix(&second_open(&file)?)?)),
        Arm::Control => asked_by_child(Descriptors::Copied, &file),
    }
}

fn posix_after_close(arm: Arm) -> Result<String> {
    let file = file()?;
    posix(&file)?.context("fcntl F_SETLK")?;
    let unrelated = second_open(&file)?;
    let _open = match arm {
        Arm::Experiment => {
            drop(unrelated);
            None
        }
        Arm::Control => Some(unrelated),
    };
    asked_by_child(Descriptors::Copied, &file)
}

fn posix_by_process(arm: Arm) -> Result<String> {
    let file = file()?;
    posix(&file)?.context("fcntl F_SETLK")?;
    asked_by_child(
        match arm {
            Arm::Experiment => Descriptors::Shared,
            Arm::Control => Descriptors::Copied,
        },
        &file,
    )
}

fn posix_by_thread(arm: Arm) -> Result<String> {
    let locked = || {
        let file = file()?;
        posix(&file)?.context("fcntl F_SETLK")?;
        Ok(file)
    };
    threaded::act(locked, |file| {
        if arm == Arm::Experiment {
            unshare(CloneFlags::CLONE_FILES).context("unshare CLONE_FILES")?;
        }
        Ok(outcome(posix(file)?))
    })
}

fn asked_by_child(table: Descriptors, file: &File) -> Result<String> {
    let asker = child::fork_with(table, "asker", |_| Ok(outcome(posix(file)?)))?;
    Ok(asker.join()?)
}

fn posix(file: &File) -> Result<Result<(), Errno>> {
    ask(fcntl(file, FcntlArg::F_SETLK(&whole())), "fcntl F_SETLK")
}

fn ofd(file: &File) -> Result<Result<(), Errno>> {
    ask(
        fcntl(file, FcntlArg::F_OFD_SETLK(&whole())),
        "fcntl F_OFD_SETLK",
    )
}

/// Granted, or refused with one of the two numbers that fcntl_locking(2) allows for it.
fn ask(result: Result<i32, Errno>, call: &'static str) -> Result<Result<(), Errno>> {
    match result {
        Ok(_) => Ok(Ok(())),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(Err(Errno::EAGAIN)),
        Err(errno) => Err(errno).context(call),
    }
}

/// A write lock on the whole file.
fn whole() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}
