//! Locks of the description: those of flock(2), and OFD locks (fcntl_locking(2)).

use std::fs::File;

use anyhow::{Result, ensure};
use child::Descriptors;
use claim::{Act, Arm, Does, InControl};
use harness::{flock, scratch};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use observe::{Error, Operation};

use super::super::{before_and_after_text, outcome};
use super::{ask, file, is_second_open, second_open};
use crate::evidence::{has_lock, here, lock_state, whole_file};
use crate::held_child::{ChildFile, look_at};

pub(super) const TAKE_FLOCK: Act = Does("takes a flock lock")
    .call("flock", "LOCK_EX")
    .times(2)
    .shown_by("FLOCK as lock in /proc/self/fdinfo");
pub(super) const TAKE_OFD: Act = Does("takes an OFD lock")
    .call("fcntl", "F_OFD_SETLK, {l_type=F_WRLCK")
    .shown_by("OFDLCK as lock in /proc/self/fdinfo");
pub(super) const DUPLICATE: Act = Does("duplicates the descriptor of a locked file")
    .call("fcntl", "F_DUPFD_CLOEXEC")
    .times(2)
    .shown_by("O_NONBLOCK in its /proc/self/fdinfo, which changes with that of the first one");
pub(super) const OPEN: Act = Does("opens a locked file again")
    .call("openat", "/proc/self/fd/ … O_RDWR")
    .times(3)
    .shown_by(
        "the file's link at the new number, and O_NONBLOCK there, which does not change with that \
         of the first one",
    );
pub(super) const INHERIT: Act = Does("uses the descriptor that it inherited, and opens none")
    .in_memory()
    .by("unlocker")
    .shown_by("the parent's number, and its link in /proc/CHILD/fd")
    .in_control(InControl::Not);
pub(super) const UNLOCK: Act = Does("unlocks")
    .call("flock", "LOCK_UN")
    .by("unlocker")
    .shown_by("no `lock:` line at its descriptor in /proc/CHILD/fdinfo afterwards");

/// A lock that was asked for again.
pub(super) struct Again {
    pub(super) through_other: String,
    pub(super) through_duplicate: String,
    /// The lock was there when it was asked for again.
    pub(super) taken: bool,
    pub(super) duplicated: bool,
    pub(super) opened: bool,
}

pub(super) fn ask_for_flock(arm: Arm) -> Result<Again> {
    ask_again(arm, "FLOCK", |file| {
        Ok(flock::try_lock(file)?.then_some(()).ok_or(Errno::EAGAIN))
    })
}

/// Whether this kernel knows open file description locks: one that does not refuses the harmless
/// question for one, too.
pub(super) fn has_ofd_locks() -> Result<bool> {
    let (file, mut lock) = (file()?, whole_file());
    let asked = fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock));
    Ok(asked != Err(Errno::EINVAL))
}

pub(super) fn ask_for_ofd(arm: Arm) -> Result<Again> {
    let lock = whole_file();
    ask_again(arm, "OFDLCK", |file| {
        let refusal = |errno| Error::new("fcntl F_OFD_SETLK", errno).with_kind(Operation::OfdLock);
        ask(refusal, || fcntl(file, FcntlArg::F_OFD_SETLK(&lock)))
    })
}

/// Asks for a lock that is held through a second open and through a duplicate. In the control the
/// duplicate takes the place of the second open, and a second open of another process that of the
/// duplicate: where a lock belongs to the process, one's own second open would be no control. What
/// is refused shows that the lock was there.
fn ask_again(
    arm: Arm,
    kind: &str,
    ask: impl Fn(&File) -> Result<Result<(), Errno>> + Send + Sync,
) -> Result<Again> {
    let file = file()?;
    ensure!(ask(&file)?.is_ok(), "a file of one's own is locked: {kind}");
    let taken = has_lock(&file, kind)?;
    let (other, duplicate) = (second_open(&file)?, scratch::duplicate(&file)?);
    let duplicated = here(&duplicate).follows(&file)?;
    let opened = is_second_open(&other, &file)?;
    let [through_other, through_duplicate] = match arm {
        Arm::Experiment => [outcome(ask(&other)?), outcome(ask(&duplicate)?)],
        Arm::Control => {
            let through_duplicate = outcome(ask(&duplicate)?);
            let by_another =
                through_open_of_another_process(&file, |anew| Ok(outcome(ask(anew)?)))?;
            [through_duplicate, by_another]
        }
    };
    Ok(Again {
        through_other,
        through_duplicate,
        taken,
        duplicated,
        opened,
    })
}

/// What another process says of the file, which it opens: no owner of a lock where locks belong to
/// the process.
fn through_open_of_another_process(
    file: &File,
    look: impl Fn(&File) -> Result<String> + Send,
) -> Result<String> {
    let asker = child::fork("asker", |_| Ok(look(&second_open(file)?)?))?;
    Ok(asker.join()?)
}

/// An unlock by a child.
pub(super) struct Unlocked {
    pub(super) around: String,
    pub(super) taken: bool,
    pub(super) is_child: bool,
    pub(super) inherited: bool,
    /// Its descriptor shows no lock any more.
    pub(super) unlocked: bool,
}

/// A child unlocks what it inherited; in the control, a second open of its own.
pub(super) fn unlock_by_child(arm: Arm) -> Result<Unlocked> {
    let file = file()?;
    let state = || through_open_of_another_process(&file, |anew| Ok(lock_state(anew)?.to_owned()));
    ensure!(flock::try_lock(&file)?, "a file of one's own is locked");
    let taken = has_lock(&file, "FLOCK")?;
    let before = state()?;
    let unlock = || {
        let its = match arm {
            Arm::Experiment => ChildFile::Inherited(&file),
            Arm::Control => ChildFile::Opened(second_open(&file)?),
        };
        flock::unlock(&its)?;
        Ok(its)
    };
    let seen = look_at(Descriptors::Copied, "unlocker", unlock, |its| {
        let inherited = its.fd == here(&file).fd && its.leads_to(&file)?;
        Ok((inherited, !flock::is_shown((its.pid, its.fd), "FLOCK")?))
    })?;
    Ok(Unlocked {
        around: before_and_after_text([before, state()?]),
        taken,
        is_child: seen.is_child,
        inherited: seen.look.0,
        unlocked: seen.look.1,
    })
}
