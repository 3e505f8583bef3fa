//! An epoll registration names an open file description; close(2) of the descriptor leaves it.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use anyhow::{Context, Result, ensure};
use claim::{Arm, Claim, Name, Quantity, Reading};
use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::unistd::{close, pipe2, write};

use super::outcome;

const GHOST: Quantity = Name("events of a descriptor that was closed").count(1, 0);
const DELETE: Quantity = Name("EPOLL_CTL_DEL of the closed number").word("EBADF", "ok");
const RETURNED: Quantity =
    Name("EPOLL_CTL_DEL once the number is the description's again").word("ok", "ENOENT");
const TWICE: Quantity = Name("registering a duplicate as well").word("ok", "EEXIST");

pub(super) const CLAIM: Claim = Claim {
    id: "epoll-registers-the-description",
    statement: "epoll watches the open file description: after close() its events still arrive \
                while another descriptor keeps the description alive, and the registration can be \
                removed only under its old number, once that refers to the description again.",
    measures: "Registers a pipe's read end, keeps a duplicate, closes the registered descriptor, \
               writes to the pipe and waits without a timeout; asks for the registration's removal \
               by the closed number, and again after the duplicate was put back on that number. \
               The key is description and number, so a duplicate can be registered as well.",
    control: "what is kept is a second open of the pipe's read end, a description of its own, and \
              that is put on the number; nothing is closed; the same number is registered twice",
    notes: &[5],
    syscalls: &["epoll_ctl", "close", "epoll_wait", "fcntl"],
    man: &["epoll(7)", "epoll_ctl(2)"],
    quantities: &[GHOST, DELETE, RETURNED, TWICE],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    Ok(Reading::kernel()
        .with(&GHOST, count_ghosts(arm)?)
        .with(&DELETE, outcome(delete_closed(arm)?))
        .with(&RETURNED, outcome(delete_returned(arm)?))
        .with(&TWICE, outcome(register_twice(arm)?)))
}

/// Closes the registered descriptor while a reader of the pipe is left, and counts what arrives.
fn count_ghosts(arm: Arm) -> Result<usize> {
    let watched = Watched::new()?;
    let _kept = watched.another_reader(arm)?;
    let number = watched.reader.as_raw_fd();
    drop(watched.reader);
    ensure!(!scratch::is_open(number)?, "fd {number} is still open");
    write(&watched.writer, b"x").context("write to the pipe")?;
    let mut events = [EpollEvent::empty(); 4];
    watched
        .epoll
        .wait(&mut events, EpollTimeout::ZERO)
        .context("epoll_wait")
}

fn delete_closed(arm: Arm) -> Result<Result<(), Errno>> {
    let watched = Watched::new()?;
    let _kept = scratch::duplicate(&watched.reader)?;
    let number = watched.reader.as_raw_fd();
    let _open = match arm {
        Arm::Experiment => {
            drop(watched.reader);
            None
        }
        Arm::Control => Some(watched.reader),
    };
    Ok(delete(&watched.epoll, number))
}

fn delete_returned(arm: Arm) -> Result<Result<(), Errno>> {
    let watched = Watched::new()?;
    let kept = watched.another_reader(arm)?;
    let number = watched.reader.as_raw_fd();
    drop(watched.reader);
    // The lowest free number from `number` on is `number` itself.
    let again = fcntl(&kept, FcntlArg::F_DUPFD_CLOEXEC(number)).context("fcntl F_DUPFD_CLOEXEC")?;
    ensure!(
        again == number,
        "fcntl F_DUPFD_CLOEXEC gave {again} instead of {number}"
    );
    let deleted = delete(&watched.epoll, number);
    close(number).context("close")?;
    Ok(deleted)
}

fn register_twice(arm: Arm) -> Result<Result<(), Errno>> {
    let watched = Watched::new()?;
    let duplicate = scratch::duplicate(&watched.reader)?;
    let again = match arm {
        Arm::Experiment => duplicate.as_fd(),
        Arm::Control => watched.reader.as_fd(),
    };
    Ok(watched
        .epoll
        .add(again, EpollEvent::new(EpollFlags::EPOLLIN, 2)))
}

/// epoll_ctl(2) `EPOLL_CTL_DEL` of a number that may be closed, which nix's form does not take.
#[expect(unsafe_code, reason = "epoll_ctl on a bare number")]
fn delete(epoll: &Epoll, number: RawFd) -> Result<(), Errno> {
    // SAFETY: EPOLL_CTL_DEL takes integers and ignores its event, which may be null since Linux
    // 2.6.9; a number that is closed gives EBADF.
    let done = unsafe {
        libc::epoll_ctl(
            epoll.0.as_raw_fd(),
            libc::EPOLL_CTL_DEL,
            number,
            std::ptr::null_mut(),
        )
    };
    Errno::result(done).map(drop)
}

/// An epoll instance that watches the read end of a pipe.
struct Watched {
    epoll: Epoll,
    reader: OwnedFd,
    writer: OwnedFd,
}

impl Watched {
    fn new() -> Result<Self> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).context("pipe")?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("epoll_create")?;
        epoll
            .add(&reader, EpollEvent::new(EpollFlags::EPOLLIN, 1))
            .context("epoll_ctl ADD")?;
        Ok(Watched {
            epoll,
            reader,
            writer,
        })
    }

    /// A descriptor that keeps the pipe's read side open: of the same description in the
    /// experiment, of another one in the control.
    fn another_reader(&self, arm: Arm) -> Result<File> {
        Ok(match arm {
            Arm::Experiment => scratch::duplicate(&self.reader)?,
            Arm::Control => scratch::open_again(&self.reader, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?,
        })
    }
}
