//! Which ways of getting a descriptor share the open file description, and which make a new one.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use child::Descriptors;
use claim::{Arm, Claim, Quantity, Reading};
use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::eventfd::EventFd;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::Mode;
use nix::unistd::{dup, dup2, pipe2};

use super::{DIFFERENT, SAME, sameness};
use crate::scm_rights;

/// Reopening was refused: such an object has one description for life.
const REFUSED: &str = "refused";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "ways-to-share",
    topic: "open-files",
    statement: "dup, fork, SCM_RIGHTS, pidfd_getfd and CLONE_FILES share the open file description; \
                a second open, also of /proc/self/fd/N, makes a new one or is refused.",
    measures: "Obtains a second descriptor in each way, by each kind of object, and compares the two \
               descriptions with kcmp.",
    control: "what shares is replaced by a second open, what reopens by dup",
    notes: &[4, 7],
    needs: &[
        "kcmp or F_DUPFD_QUERY",
        "pidfd_getfd on a child of one's own",
    ],
    syscalls: &[
        "dup",
        "dup3",
        "fcntl",
        "fork",
        "sendmsg",
        "recvmsg",
        "pidfd_getfd",
        "clone",
        "kcmp",
    ],
    man: &[
        "dup(2)",
        "fork(2)",
        "unix(7)",
        "pidfd_getfd(2)",
        "clone(2)",
        "proc_pid_fd(5)",
    ],
    quantities: &[
        Quantity::word("dup", SAME, DIFFERENT),
        Quantity::word("dup2", SAME, DIFFERENT),
        Quantity::word("fcntl F_DUPFD_CLOEXEC", SAME, DIFFERENT),
        Quantity::word("fork", SAME, DIFFERENT),
        Quantity::word("SCM_RIGHTS message", SAME, DIFFERENT),
        Quantity::word("pidfd_getfd", SAME, DIFFERENT),
        Quantity::word("number opened by a CLONE_FILES child", SAME, DIFFERENT),
        Quantity::word("second open by the file's name", DIFFERENT, SAME),
        Quantity::word("/proc/self/fd/N of a regular file", DIFFERENT, SAME),
        Quantity::word("/proc/self/fd/N of a memfd", DIFFERENT, SAME),
        Quantity::word("/proc/self/fd/N of a pipe", DIFFERENT, SAME),
        Quantity::word("/proc/self/fd/N of a socket", REFUSED, SAME),
        Quantity::word("/proc/self/fd/N of an eventfd", REFUSED, SAME),
    ],
    limit: Duration::from_secs(30),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let file = scratch::file(b"hello, kernel")?;
    let second_open =
        || -> Result<OwnedFd> { Ok(scratch::open_again(&file, OFlag::O_RDWR)?.into()) };
    let dup2 = || {
        let mut target: OwnedFd = second_open()?;
        dup2(&file, &mut target).context("dup2")?;
        Ok(target)
    };
    // In the control a second open stands wherever the experiment shares.
    let shared = |share: &dyn Fn() -> Result<OwnedFd>| match arm {
        Arm::Experiment => here(&file, &share()?),
        Arm::Control => here(&file, &second_open()?),
    };
    let memfd = memfd_create(c"witness", MFdFlags::MFD_CLOEXEC).context("memfd_create")?;
    let (pipe, _writer) = pipe2(OFlag::O_CLOEXEC).context("pipe")?;
    let (socket, _peer) = scm_rights::pair()?;
    let eventfd = EventFd::new().context("eventfd")?;

    let ways = [
        ("dup", shared(&|| dup(&file).context("dup"))?),
        ("dup2", shared(&dup2)?),
        // std duplicates by exactly this call.
        (
            "fcntl F_DUPFD_CLOEXEC",
            shared(&|| Ok(scratch::duplicate(&file)?.into()))?,
        ),
        ("fork", inherited(arm, &file)?),
        ("SCM_RIGHTS message", shared(&|| sent_to_oneself(&file))?),
        ("pidfd_getfd", fetched(arm, &file)?),
        (
            "number opened by a CLONE_FILES child",
            opened_by_child(arm, &file)?,
        ),
        ("second open by the file's name", opened_by_name(arm)?),
        ("/proc/self/fd/N of a regular file", reopened(arm, &file)?),
        ("/proc/self/fd/N of a memfd", reopened(arm, &memfd)?),
        ("/proc/self/fd/N of a pipe", reopened(arm, &pipe)?),
        ("/proc/self/fd/N of a socket", reopened(arm, &socket)?),
        ("/proc/self/fd/N of an eventfd", reopened(arm, &eventfd)?),
    ];
    let reading = Reading::kernel();
    let reading = ways
        .into_iter()
        .fold(reading, |reading, (way, seen)| reading.with(way, seen));
    Ok(match (arm, open_again(&eventfd)) {
        (Arm::Experiment, Err(Errno::EACCES)) => reading.caveat(
            "this user is refused an eventfd by the permissions of its inode (EACCES); that it has \
             no open at all (ENXIO) shows only to root",
        ),
        _ => reading,
    })
}

/// Compares two descriptors of this process.
fn here(a: &impl AsRawFd, b: &impl AsRawFd) -> Result<&'static str> {
    let own = std::process::id() as i32;
    Ok(sameness(observe::description::same(
        (own, a.as_raw_fd()),
        (own, b.as_raw_fd()),
    )?))
}

/// A descriptor that went through a socket to this very process.
fn sent_to_oneself(file: &File) -> Result<OwnedFd> {
    let (ours, theirs) = scm_rights::pair()?;
    scm_rights::send(&ours, file)?;
    scm_rights::receive(&theirs)
}

/// A child's inherited descriptor against the parent's; in the control the child opens the file.
fn inherited(arm: Arm, file: &File) -> Result<&'static str> {
    let open = || match arm {
        Arm::Experiment => scratch::duplicate(file),
        Arm::Control => scratch::open_again(file, OFlag::O_RDWR),
    };
    with_child(Descriptors::Copied, &open, |pid, fd| {
        let number = compare(fd, (pid, fd))?;
        ensure!(number == DIFFERENT, "fd {fd} of the child is ours as well");
        compare(file.as_raw_fd(), (pid, fd))
    })
}

/// A copy of a child's own descriptor against the original; in the control the parent opens it.
fn fetched(arm: Arm, file: &File) -> Result<&'static str> {
    let open = || scratch::open_again(file, OFlag::O_RDWR);
    with_child(Descriptors::Copied, &open, |pid, fd| {
        let copy: OwnedFd = match arm {
            Arm::Experiment => observe::pidfd::getfd_of(pid, fd)?,
            Arm::Control => open()?.into(),
        };
        compare(copy.as_raw_fd(), (pid, fd))
    })
}

/// The number under which a child opened a file, used by the parent; the control copies the table.
fn opened_by_child(arm: Arm, file: &File) -> Result<&'static str> {
    let table = match arm {
        Arm::Experiment => Descriptors::Shared,
        Arm::Control => Descriptors::Copied,
    };
    let open = || scratch::open_again(file, OFlag::O_RDWR);
    with_child(table, &open, |pid, fd| compare(fd, (pid, fd)))
}

/// Runs `look` with the pid of a child and the number of the descriptor that it got by `open`.
fn with_child(
    table: Descriptors,
    open: &dyn Fn() -> Result<File>,
    look: impl FnOnce(i32, i32) -> Result<&'static str>,
) -> Result<&'static str> {
    let mut holder = child::fork_with(table, "holder", |parent| {
        let file = open()?;
        parent.send(&file.as_raw_fd())?;
        Ok(parent.checkpoint()?)
    })?;
    let fd = holder.recv()?;
    holder.at_checkpoint()?;
    let seen = look(holder.pid(), fd)?;
    holder.release()?;
    holder.join()?;
    Ok(seen)
}

fn compare(own_fd: i32, other: (i32, i32)) -> Result<&'static str> {
    let own = std::process::id() as i32;
    match observe::description::same((own, own_fd), other) {
        Ok(same) => Ok(sameness(same)),
        // The number names nothing here, so nothing that the other could share.
        Err(error) if error.errno == Errno::EBADF => Ok(DIFFERENT),
        Err(error) => Err(error.into()),
    }
}

/// This program's file, opened twice by its name; the control duplicates the first descriptor.
fn opened_by_name(arm: Arm) -> Result<&'static str> {
    let open = || File::open("/proc/self/exe").context("open /proc/self/exe");
    let file = open()?;
    match arm {
        Arm::Experiment => here(&file, &open()?),
        Arm::Control => here(&file, &scratch::duplicate(&file)?),
    }
}

/// Opens the object behind a descriptor again; the control duplicates the descriptor.
fn reopened(arm: Arm, fd: &(impl AsRawFd + AsFd)) -> Result<&'static str> {
    match arm {
        Arm::Control => here(fd, &scratch::duplicate(fd)?),
        Arm::Experiment => match open_again(fd) {
            Ok(second) => here(fd, &second),
            Err(Errno::ENXIO | Errno::EACCES) => Ok(REFUSED),
            Err(errno) => Err(errno).context("open /proc/self/fd/N"),
        },
    }
}

fn open_again(fd: &impl AsRawFd) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    open(&scratch::path(fd.as_raw_fd()), flags, Mode::empty())
}
