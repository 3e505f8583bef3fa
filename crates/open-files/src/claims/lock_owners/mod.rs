//! Who owns a file lock: the open file description (flock, OFD) or the descriptor table (POSIX).

mod of_description;
mod of_table;

use std::fs::File;

use anyhow::Result;
use claim::{Act, Arm, Claim, Name, Quantity, Reading, Surprise};
use harness::retry::on_interrupt;
use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::OFlag;

use self::of_description::{Again, DUPLICATE, INHERIT, OPEN, TAKE_FLOCK, TAKE_OFD, UNLOCK};
use self::of_table::{ASK_FORKED, ASK_SHARING, CLOSE, TAKE_POSIX, UNSHARE};
use super::FORK;
use crate::evidence::here;

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

/// Where a kernel shares no table, this says nothing about locks.
const SHARES_TABLES: &str =
    "run it on a kernel on which clone(CLONE_FILES) shares the descriptor table";
const CLONE_FILES: Act = super::CLONE_FILES.or_not_measured(SHARES_TABLES);

pub(super) const CLAIM: Claim = Claim {
    id: "lock-owners",
    statement: "flock and OFD locks belong to the open file description, POSIX locks to the \
                descriptor table, and not, as is often said, to the process.",
    measures: "Takes a write lock and asks for it again as somebody else; `ok` means that the \
               kernel takes the two for one owner, EAGAIN that it does not.",
    control: "those who are one owner and those who are not change places, and in the place of a \
              duplicate another process opens the file; the child unlocks a second open; nothing \
              is closed; no table is unshared",
    surprise: Some(Surprise::Small(
        "closing any descriptor of a file gives up the POSIX locks on it",
    )),
    notes: &[5, 7],
    acts: &[
        TAKE_FLOCK,
        TAKE_OFD,
        TAKE_POSIX,
        DUPLICATE,
        OPEN,
        FORK,
        CLONE_FILES,
        INHERIT,
        UNLOCK,
        ASK_FORKED,
        ASK_SHARING,
        UNSHARE,
        CLOSE,
    ],
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
    let flock = of_description::ask_for_flock(arm)?;
    let ofd = match of_description::has_ofd_locks()? {
        true => Some(of_description::ask_for_ofd(arm)?),
        false => None,
    };
    let unlocked = of_description::unlock_by_child(arm)?;
    let posix = of_table::ask_again(arm)?;
    let thread = of_table::ask_in_thread(arm)?;
    let lost = of_table::close_second_open(arm)?;
    let by_ofd = |shown: fn(&Again) -> bool| ofd.as_ref().is_none_or(shown);
    let reading = Reading::kernel()
        .act(&TAKE_FLOCK, flock.taken && unlocked.taken)
        .act(&TAKE_POSIX, posix.taken && thread.taken && lost.taken)
        .act(&DUPLICATE, flock.duplicated && by_ofd(|ofd| ofd.duplicated))
        .act(
            &OPEN,
            flock.opened && by_ofd(|ofd| ofd.opened) && posix.opened && lost.opened,
        )
        .act(&FORK, unlocked.is_child)
        .act(&INHERIT, unlocked.inherited)
        .act(&UNLOCK, unlocked.unlocked)
        .act(&CLONE_FILES, posix.by_sharing_child)
        .act(&ASK_FORKED, posix.by_forked_child && lost.by_forked_child)
        .act(&ASK_SHARING, posix.by_sharing_child)
        .act(&UNSHARE, thread.has_own_table)
        .act(&CLOSE, lost.closed)
        .with(&FLOCK_OTHER, flock.through_other)
        .with(&FLOCK, flock.through_duplicate)
        .with(&FLOCK_CHILD, unlocked.around)
        .with(&POSIX_FORKED, posix.forked)
        .with(&POSIX, posix.second_open)
        .with(&POSIX_TABLE, posix.same_table)
        .with(&POSIX_THREAD, thread.outcome)
        .with(&POSIX_LOST, lost.around)
        .note(
            "a process is taken for the owner because fork copies the table and threads share it; \
             unshare(CLONE_FILES) and clone(CLONE_FILES) tell the two apart",
        );
    Ok(match ofd {
        Some(ofd) => reading
            .act(&TAKE_OFD, ofd.taken)
            .with(&OFD_OTHER, ofd.through_other)
            .with(&OFD, ofd.through_duplicate),
        None => reading.leave_out(
            "this kernel has no open file description locks (fcntl F_OFD_GETLK: EINVAL)",
            &[OFD_OTHER, OFD],
            &[TAKE_OFD],
        ),
    })
}

fn file() -> Result<File> {
    Ok(scratch::file(b"hello, kernel")?)
}

fn second_open(file: &File) -> Result<File> {
    Ok(scratch::open_again(file, OFlag::O_RDWR)?)
}

/// Whether `other` is a description of its own on the same file.
fn is_second_open(other: &File, file: &File) -> Result<bool> {
    Ok(here(other).leads_to(file)? && !here(other).follows(file)?)
}

/// Asks for a lock by fcntl: granted, or refused with one of the two numbers that fcntl_locking(2)
/// allows for it.
fn ask(
    refusal: impl Fn(Errno) -> observe::Error,
    lock: impl FnMut() -> Result<i32, Errno>,
) -> Result<Result<(), Errno>> {
    match on_interrupt(lock) {
        Ok(_) => Ok(Ok(())),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(Err(Errno::EAGAIN)),
        Err(errno) => Err(refusal(errno).into()),
    }
}
