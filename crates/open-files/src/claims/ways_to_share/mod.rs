//! Which ways of getting a descriptor share the open file description, and which make a new one.

mod reopening;
mod sharing;

use std::fs::File;

use anyhow::{Context, Result};
use claim::{Arm, Claim, DIFFERENT, Name, Quantity, Reading, SAME, Surprise, sameness};
use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::eventfd::EventFd;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::pipe2;

use self::reopening::{
    MAKE_EVENTFD, MAKE_MEMFD, MAKE_PIPE, MAKE_SOCKETS, OPEN_BY_NAME, Object, REFUSED, REOPEN,
    REOPEN_SOCKET, compare_by_name,
};
use self::sharing::Way;
use super::FORK;
use crate::evidence::Place;
use crate::scm_rights;

const DUP: Quantity = Name("dup").word(SAME, DIFFERENT);
const DUP2: Quantity = Name("dup2").word(SAME, DIFFERENT);
const F_DUPFD: Quantity = Name("fcntl F_DUPFD_CLOEXEC").word(SAME, DIFFERENT);
const FORKED: Quantity = Name("fork").word(SAME, DIFFERENT);
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
                description; a second open for reading or writing, also of /proc/self/fd/N, makes \
                a new one or is refused.",
    measures: "Obtains a second descriptor in each way, by each kind of object, and compares the \
               two descriptions with kcmp.",
    control: "what shares is replaced by a second open, what reopens by a duplicate",
    surprise: Some(Surprise::Small(
        "to open /proc/self/fd/N is no dup: the offset is another one",
    )),
    notes: &[4, 7],
    example: Some("two_opens_and_a_dup"),
    needs: &[
        "kcmp, F_DUPFD_QUERY or the flags in fdinfo",
        "pidfd_getfd on a child of one's own",
    ],
    acts: &[
        sharing::DUP,
        sharing::DUP2,
        sharing::F_DUPFD,
        FORK,
        sharing::INHERIT,
        sharing::SEND,
        sharing::RECEIVE,
        sharing::OPEN,
        sharing::COPY,
        sharing::CLONE_FILES,
        sharing::OPEN_IN_TABLE,
        OPEN_BY_NAME,
        MAKE_MEMFD,
        MAKE_PIPE,
        MAKE_SOCKETS,
        MAKE_EVENTFD,
        REOPEN,
        REOPEN_SOCKET,
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
        FORKED,
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
    let way = Way { arm, file: &file };
    let reading = share(&way, Reading::kernel())?;
    reopen(arm, &file, reading)
}

/// Shares the file's description in each way.
fn share(way: &Way<'_>, reading: Reading) -> Result<Reading> {
    let (dup, by_dup) = way.dup()?;
    let (dup2, by_dup2) = way.dup2()?;
    let (f_dupfd, by_f_dupfd) = way.f_dupfd()?;
    let ((forked, inherited), is_child) = way.inherit()?;
    let ((message, received), sent) = way.send_to_self()?;
    let reading = copy(way, reading)?;
    let ((same_number, cloned), opened_there) = way.open_in_child()?;
    Ok(reading
        .act(&sharing::DUP, by_dup)
        .act(&sharing::DUP2, by_dup2)
        .act(&sharing::F_DUPFD, by_f_dupfd)
        .act(&FORK, is_child)
        .act(&sharing::INHERIT, inherited)
        .act(&sharing::SEND, sent)
        .act(&sharing::RECEIVE, received)
        .act(&sharing::CLONE_FILES, cloned)
        .act(&sharing::OPEN_IN_TABLE, opened_there)
        .with(&DUP, dup)
        .with(&DUP2, dup2)
        .with(&F_DUPFD, f_dupfd)
        .with(&FORKED, forked)
        .with(&MESSAGE, message)
        .with(&CLONE_FILES, same_number))
}

/// Copies a descriptor of a child's, where the kernel has pidfd_getfd: one that has no descriptors
/// of processes has not.
fn copy(way: &Way<'_>, reading: Reading) -> Result<Reading> {
    if has_pidfds() {
        let ((copied, by_copy), opened) = way.copy_from_child()?;
        let reading = reading.with(&PIDFD_GETFD, copied);
        return Ok(reading
            .act(&sharing::OPEN, opened)
            .act(&sharing::COPY, by_copy));
    }
    Ok(reading.leave_out(
        "this kernel has no pidfd_getfd (pidfd_open: ENOSYS)",
        &[PIDFD_GETFD],
        &[sharing::OPEN, sharing::COPY],
    ))
}

/// Whether there are descriptors of processes, as that of this one.
fn has_pidfds() -> bool {
    let own = observe::pidfd::open(std::process::id() as i32);
    !own.is_err_and(|error| error.errno == Errno::ENOSYS)
}

/// Opens the object behind a descriptor again, for each kind of object.
fn reopen(arm: Arm, file: &File, reading: Reading) -> Result<Reading> {
    let (by_name, opened_twice) = compare_by_name(arm)?;
    let memfd = memfd_create(c"witness", MFdFlags::MFD_CLOEXEC).context("memfd_create")?;
    let (pipe, _writer) = pipe2(OFlag::O_CLOEXEC).context("pipe")?;
    let (socket, _peer) = scm_rights::pair()?;
    let eventfd = EventFd::new().context("eventfd")?;
    let file = Object::reopen(arm, file, OFlag::O_RDONLY)?;
    let memfd = Object::reopen(arm, &memfd, OFlag::O_RDONLY)?;
    let pipe = Object::reopen(arm, &pipe, OFlag::O_RDONLY)?;
    let socket = Object::reopen(arm, &socket, OFlag::O_RDWR)?;
    let eventfd = Object::reopen(arm, &eventfd, OFlag::O_RDONLY)?;
    let reading = reading
        .act(&OPEN_BY_NAME, opened_twice)
        .act(&MAKE_MEMFD, memfd.is("/memfd:witness"))
        .act(&MAKE_PIPE, pipe.is("pipe:["))
        .act(&MAKE_SOCKETS, socket.is("socket:["))
        .act(&MAKE_EVENTFD, eventfd.is("anon_inode:[eventfd"))
        .act(&REOPEN, file.is_new && memfd.is_new && pipe.is_new)
        .act(&REOPEN_SOCKET, socket.was_asked())
        .with(&BY_NAME, by_name)
        .with(&REGULAR_FILE, file.compared)
        .with(&MEMFD, memfd.compared)
        .with(&PIPE, pipe.compared)
        .with(&SOCKET, socket.compared)
        .with(&EVENTFD, eventfd.compared);
    Ok(match eventfd.refusal {
        Some(Errno::EACCES) => reading.caveat(
            "this user is refused an eventfd by the permissions of its inode (EACCES); that it has \
             no open at all (ENXIO) shows only to root",
        ),
        _ => reading,
    })
}

/// Whether two descriptors have one description, as a word.
fn compare(a: Place, b: Place) -> Result<&'static str> {
    match observe::description::same((a.pid, a.fd), (b.pid, b.fd)) {
        Ok(same) => Ok(sameness(same)),
        // EBADF: one of them is not open, so nothing is shared.
        Err(error) if error.errno == Errno::EBADF => Ok(DIFFERENT),
        Err(error) => Err(error.into()),
    }
}
