//! Which ways of getting a descriptor share the open file description, and which make a new one.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use anyhow::{Context, Result, ensure};
use child::Descriptors;
use claim::{Arm, Claim, DIFFERENT, Name, Quantity, Reading, SAME, sameness};
use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::eventfd::EventFd;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::Mode;
use nix::unistd::{dup, dup2, pipe2};

use crate::scm_rights;

/// Reopening was refused: such an object has one description for life.
const REFUSED: &str = "refused";

const DUP: Quantity = Name("dup").word(SAME, DIFFERENT);
const DUP2: Quantity = Name("dup2").word(SAME, DIFFERENT);
const F_DUPFD: Quantity = Name("fcntl F_DUPFD_CLOEXEC").word(SAME, DIFFERENT);
const FORK: Quantity = Name("fork").word(SAME, DIFFERENT);
const MESSAGE: Quantity = Name("SCM_RIGHTS message").word(SAME, DIFFERENT);
const PIDFD_GETFD: Quantity = Name("pidfd_getfd").word(SAME, DIFFERENT);
const CLONE_FILES: Quantity = Name("number opened by a CLONE_FILES child").word(SAME, DIFFERENT);
const BY_NAME: Quantity = Name("second open by the file's name").word(DIFFERENT, SAME);
const REGULAR_FILE: Quantity = Name("/proc/self/fd/N of a regular file").word(DIFFERENT, SAME);
const MEMFD: Quantity = Name("/proc/self/fd/N of a memfd").word(DIFFERENT, SAME);
const PIPE: Quantity = Name("/proc/self/fd/N of a pipe").word(DIFFERENT, SAME);
const SOCKET: Quantity = Name("/proc/self/fd/N of a socket").word(REFUSED, SAME);
const EVENTFD: Quantity = Name("/proc/self/fd/N of an eventfd").word(REFUSED, SAME);

pub(super) const CLAIM: Claim = Claim {
    id: "ways-to-share",
    statement: "dup, fork, SCM_RIGHTS, pidfd_getfd and CLONE_FILES share the open file \
                description; a second open, also of /proc/self/fd/N, makes a new one or is \
                refused.",
    measures: "Obtains a second descriptor in each way, by each kind of object, and compares the \
               two descriptions with kcmp.",
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
        DUP,
        DUP2,
        F_DUPFD,
        FORK,
        MESSAGE,
        PIDFD_GETFD,
        CLONE_FILES,
        BY_NAME,
        REGULAR_FILE,
        MEMFD,
        PIPE,
        SOCKET,
        EVENTFD,
    ],
    measure,
    ..Claim::DEFAULT
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
        Arm::Experiment => compare_here(&file, &share()?),
        Arm::Control => compare_here(&file, &second_open()?),
    };
    let memfd = memfd_create(c"witness", MFdFlags::MFD_CLOEXEC).context("memfd_create")?;
    let (pipe, _writer) = pipe2(OFlag::O_CLOEXEC).context("pipe")?;
    let (socket, _peer) = scm_rights::pair()?;
    let eventfd = EventFd::new().context("eventfd")?;

    let reading = Reading::kernel()
        .with(&DUP, shared(&|| dup(&file).context("dup"))?)
        .with(&DUP2, shared(&dup2)?)
        // std duplicates by exactly this call.
        .with(&F_DUPFD, shared(&|| Ok(scratch::duplicate(&file)?.into()))?)
        .with(&FORK, compare_inherited(arm, &file)?)
        .with(&MESSAGE, shared(&|| send_to_self(&file))?)
        .with(&PIDFD_GETFD, compare_fetched(arm, &file)?)
        .with(&CLONE_FILES, compare_opened_by_child(arm, &file)?)
        .with(&BY_NAME, compare_opened_by_name(arm)?)
        .with(&REGULAR_FILE, compare_reopened(arm, &file)?)
        .with(&MEMFD, compare_reopened(arm, &memfd)?)
        .with(&PIPE, compare_reopened(arm, &pipe)?)
        .with(&SOCKET, compare_reopened(arm, &socket)?)
        .with(&EVENTFD, compare_reopened(arm, &eventfd)?);
    Ok(match (arm, open_again(&eventfd)) {
        (Arm::Experiment, Err(Errno::EACCES)) => reading.caveat(
            "this user is refused an eventfd by the permissions of its inode (EACCES); that it has \
             no open at all (ENXIO) shows only to root",
        ),
        _ => reading,
    })
}

/// Compares two descriptors of this process.
fn compare_here(a: &impl AsRawFd, b: &impl AsRawFd) -> Result<&'static str> {
    let own = std::process::id() as i32;
    Ok(sameness(observe::description::same(
        (own, a.as_raw_fd()),
        (own, b.as_raw_fd()),
    )?))
}

/// A descriptor that went through a socket to this very process.
fn send_to_self(file: &File) -> Result<OwnedFd> {
    let (ours, theirs) = scm_rights::pair()?;
    scm_rights::send(&ours, file)?;
    scm_rights::receive(&theirs)
}

/// A child's inherited descriptor against the parent's; in the control the child opens the file.
fn compare_inherited(arm: Arm, file: &File) -> Result<&'static str> {
    let open = || match arm {
        Arm::Experiment => scratch::duplicate(file),
        Arm::Control => scratch::open_again(file, OFlag::O_RDWR),
    };
    look_at_child(Descriptors::Copied, &open, |pid, fd| {
        let number = compare(fd, (pid, fd))?;
        ensure!(number == DIFFERENT, "fd {fd} of the child is ours as well");
        compare(file.as_raw_fd(), (pid, fd))
    })
}

/// A copy of a child's own descriptor against the original; in the control the parent opens it.
fn compare_fetched(arm: Arm, file: &File) -> Result<&'static str> {
    let open = || scratch::open_again(file, OFlag::O_RDWR);
    look_at_child(Descriptors::Copied, &open, |pid, fd| {
        let copy: OwnedFd = match arm {
            Arm::Experiment => observe::pidfd::copy_descriptor(pid, fd)?,
            Arm::Control => open()?.into(),
        };
        compare(copy.as_raw_fd(), (pid, fd))
    })
}

/// The number under which a child opened a file, used by the parent; the control copies the table.
fn compare_opened_by_child(arm: Arm, file: &File) -> Result<&'static str> {
    let table = arm.choose(Descriptors::Shared, Descriptors::Copied);
    let open = || scratch::open_again(file, OFlag::O_RDWR);
    look_at_child(table, &open, |pid, fd| compare(fd, (pid, fd)))
}

/// Runs `look` with the pid of a child and the number of the descriptor that it got by `open`.
fn look_at_child(
    table: Descriptors,
    open: &(dyn Fn() -> Result<File, observe::Error> + Sync),
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
        // EBADF: this process has no such descriptor, so nothing is shared.
        Err(error) if error.errno == Errno::EBADF => Ok(DIFFERENT),
        Err(error) => Err(error.into()),
    }
}

/// This program's file, opened twice by its name; the control duplicates the first descriptor.
fn compare_opened_by_name(arm: Arm) -> Result<&'static str> {
    let open = || File::open("/proc/self/exe").context("open /proc/self/exe");
    let file = open()?;
    match arm {
        Arm::Experiment => compare_here(&file, &open()?),
        Arm::Control => compare_here(&file, &scratch::duplicate(&file)?),
    }
}

/// Opens the object behind a descriptor again; the control duplicates the descriptor.
fn compare_reopened(arm: Arm, fd: &(impl AsRawFd + AsFd)) -> Result<&'static str> {
    match arm {
        Arm::Control => compare_here(fd, &scratch::duplicate(fd)?),
        Arm::Experiment => match open_again(fd) {
            Ok(second) => compare_here(fd, &second),
            Err(Errno::ENXIO | Errno::EACCES) => Ok(REFUSED),
            Err(errno) => Err(errno).context("open /proc/self/fd/N"),
        },
    }
}

fn open_again(fd: &impl AsRawFd) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    open(&scratch::path(fd.as_raw_fd()), flags, Mode::empty())
}
