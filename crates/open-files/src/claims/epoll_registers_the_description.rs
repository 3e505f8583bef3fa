//! An epoll registration names an open file description; close(2) of the descriptor leaves it.

use std::fs::File;
use std::mem::swap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use anyhow::{Context, Result, ensure};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading, Surprise};
use harness::scratch;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::unistd::{close, dup, pipe2, read, write};

use super::outcome;
use crate::evidence::{has_input, here};

const GHOST: Quantity = Name("events of a descriptor that was closed").count(1, 0);
const DELETE: Quantity = Name("EPOLL_CTL_DEL of the closed number").word("EBADF", "ok");
const RETURNED: Quantity =
    Name("EPOLL_CTL_DEL once the number is the description's again").word("ok", "ENOENT");
const TWICE: Quantity = Name("registering a duplicate as well").word("ok", "EEXIST");

const REGISTER: Act = Does("registers the read end of a pipe")
    .call("epoll_ctl", "EPOLL_CTL_ADD … u64=1")
    .times(4)
    .shown_by(
        "tfd with its number in /proc/self/fdinfo of the epoll instance; where it has no tfd line, \
         the event that a readable pipe brings",
    );
const KEEP: Act = Does("keeps a duplicate of what it registered")
    .call("dup", "")
    .times(2)
    .shown_by("O_NONBLOCK in its /proc/self/fdinfo, which changes with that of the registered one")
    .in_control(InControl::Instead("openat", "/proc/self/fd/ … O_NONBLOCK"));
const CLOSE: Act = Does("closes the registered descriptor and nothing else")
    .call("close", "")
    .shown_by("no such number in /proc/self/fd, and the other descriptor of the pipe there");
const WRITE: Act = Does("writes to the pipe")
    .call("write", "\"x\", 1")
    .shown_by("poll, which finds the other descriptor readable");
const DELETE_CLOSED: Act = Does("asks for the removal of a number that is closed")
    .call("epoll_ctl", "EPOLL_CTL_DEL … EBADF")
    .shown_by(
        "no such number in /proc/self/fd, and before it was closed a tfd line for it in fdinfo of \
         the epoll instance; where that has no tfd line, the event that a readable pipe brings",
    )
    .in_control(InControl::Not);
const PUT_BACK: Act = Does("puts what it kept on the number of the registration")
    .call("fcntl", "F_DUPFD_CLOEXEC")
    .shown_by("the pipe's link at that number in /proc/self/fd");
const REGISTER_DUPLICATE: Act = Does("registers a duplicate of what is registered")
    .call("epoll_ctl", "EPOLL_CTL_ADD … u64=2")
    .shown_by(
        "a tfd line for each of the two numbers in fdinfo, with one inode, or without tfd lines an \
         event of each; O_NONBLOCK of the duplicate, which changes with that of the other",
    )
    .in_control(InControl::Instead(
        "epoll_ctl",
        "EPOLL_CTL_ADD … u64=2 … EEXIST",
    ));

pub(super) const CLAIM: Claim = Claim {
    id: "epoll-registers-the-description",
    statement: "epoll watches the open file description: after close() its events still arrive \
                while any other reference keeps the description alive, and the registration can be \
                removed only under its old number, once that refers to the description again.",
    measures: "Registers a pipe's read end, keeps a duplicate, closes the registered descriptor, \
               writes to the pipe and waits without a timeout; asks for the registration's removal \
               by the closed number, and again after the duplicate was put back on that number. \
               The key is description and number, so a duplicate can be registered as well.",
    control: "what is kept is a second open of the pipe's read end, a description of its own, and \
              that is put on the number; the number to remove is still open; the same number is \
              registered twice",
    surprise: Some(Surprise::Great(
        "events arrive of a descriptor that is closed",
    )),
    notes: &[5],
    acts: &[
        REGISTER,
        KEEP,
        CLOSE,
        WRITE,
        DELETE_CLOSED,
        PUT_BACK,
        REGISTER_DUPLICATE,
    ],
    man: &["epoll(7)", "epoll_ctl(2)"],
    quantities: &[GHOST, DELETE, RETURNED, TWICE],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let reading = count_ghosts(arm, Reading::kernel())?;
    let reading = delete_closed(arm, reading)?;
    let reading = delete_returned(arm, reading)?;
    register_twice(arm, reading)
}

/// Closes the registered descriptor while a reader of the pipe is left, and counts what arrives.
fn count_ghosts(arm: Arm, reading: Reading) -> Result<Reading> {
    let watched = Watched::new()?;
    let registered = watched.is_registered(watched.reader.as_raw_fd())?;
    let kept = watched.another_reader(arm)?;
    let duplicated = here(&kept).follows(&watched.reader)?;
    let number = watched.reader.as_raw_fd();
    drop(watched.reader);
    let closed = !scratch::is_open(number)? && scratch::is_open(kept.as_raw_fd())?;
    write(&watched.writer, b"x").context("write to the pipe")?;
    let mut events = [EpollEvent::empty(); 4];
    let count = watched
        .epoll
        .wait(&mut events, EpollTimeout::ZERO)
        .context("epoll_wait")?;
    // The instance is readable itself while there is an event (epoll(7)).
    let is_ready = has_input(&watched.epoll.0)?;
    ensure!(
        is_ready == (count > 0),
        "epoll_wait tells {count} events, and poll of the instance otherwise"
    );
    Ok(reading
        .act(&REGISTER, registered)
        .act(&KEEP, duplicated)
        .act(&CLOSE, closed)
        .act(&WRITE, has_input(&kept)?)
        .with(&GHOST, count))
}

fn delete_closed(arm: Arm, reading: Reading) -> Result<Reading> {
    let mut watched = Watched::new()?;
    let kept = scratch::duplicate(&watched.reader)?;
    let number = watched.reader.as_raw_fd();
    let registered = watched.is_registered(number)?;
    // What was registered; in the experiment it is closed.
    let mut other = kept.into();
    swap(&mut watched.reader, &mut other);
    let _open = match arm {
        Arm::Experiment => {
            drop(other);
            None
        }
        Arm::Control => Some(other),
    };
    let closed = !scratch::is_open(number)?;
    Ok(reading
        .act(&DELETE_CLOSED, registered && closed)
        .with(&DELETE, outcome(delete(&watched.epoll, number))))
}

fn delete_returned(arm: Arm, reading: Reading) -> Result<Reading> {
    let watched = Watched::new()?;
    let kept = watched.another_reader(arm)?;
    let number = watched.reader.as_raw_fd();
    drop(watched.reader);
    ensure!(!scratch::is_open(number)?, "fd {number} is still open");
    // The lowest free number from `number` on is `number` itself.
    let again = fcntl(&kept, FcntlArg::F_DUPFD_CLOEXEC(number)).context("fcntl F_DUPFD_CLOEXEC")?;
    let put_back = again == number && here(&again).leads_to(&kept)?;
    let deleted = delete(&watched.epoll, number);
    close(again).context("close")?;
    Ok(reading
        .act(&PUT_BACK, put_back)
        .with(&RETURNED, outcome(deleted)))
}

fn register_twice(arm: Arm, reading: Reading) -> Result<Reading> {
    let watched = Watched::new()?;
    let duplicate = scratch::duplicate(&watched.reader)?;
    let again = match arm {
        Arm::Experiment => duplicate.as_fd(),
        Arm::Control => watched.reader.as_fd(),
    };
    let registered = watched
        .epoll
        .add(again, EpollEvent::new(EpollFlags::EPOLLIN, 2));
    let both = watched.are_registered(watched.reader.as_raw_fd(), duplicate.as_raw_fd())?;
    Ok(reading
        .act(
            &REGISTER_DUPLICATE,
            both && here(&duplicate).follows(&watched.reader)?,
        )
        .with(&TWICE, outcome(registered)))
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

    /// Whether the epoll instance tells of a registration under this number.
    fn is_registered(&self, number: RawFd) -> Result<bool> {
        let watches = here(&self.epoll.0).info()?.watches;
        if watches.is_empty() {
            return Ok(self.delivered()? == [1]);
        }
        Ok(watches.iter().any(|watch| watch.fd == number))
    }

    /// Whether it tells of a registration of one inode under each of two numbers.
    fn are_registered(&self, first: RawFd, second: RawFd) -> Result<bool> {
        let watches = here(&self.epoll.0).info()?.watches;
        if watches.is_empty() {
            return Ok(self.delivered()? == [1, 2]);
        }
        let inode = |number| {
            let watch = watches.iter().find(|watch| watch.fd == number);
            watch.map(|watch| watch.inode)
        };
        Ok(inode(second).is_some() && inode(first) == inode(second))
    }

    /// The `u64` of each registration that delivers an event once the pipe is readable, in order:
    /// what shows of registrations where fdinfo has none. The pipe is empty before and after.
    fn delivered(&self) -> Result<Vec<u64>> {
        write(&self.writer, b"y").context("write to the pipe")?;
        let mut events = [EpollEvent::empty(); 4];
        let wait = self.epoll.wait(&mut events, EpollTimeout::ZERO);
        let count = wait.context("epoll_wait")?;
        read(&self.reader, &mut [0]).context("read from the pipe")?;
        let mut data: Vec<u64> = events[..count].iter().map(EpollEvent::data).collect();
        data.sort_unstable();
        Ok(data)
    }

    /// A descriptor that keeps the pipe's read side open: of the same description in the
    /// experiment, of another one in the control.
    fn another_reader(&self, arm: Arm) -> Result<File> {
        Ok(match arm {
            Arm::Experiment => dup(&self.reader).context("dup")?.into(),
            Arm::Control => scratch::open_again(&self.reader, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands in where the kernel's fdinfo shows no registrations.
    #[test]
    fn a_registration_shows_in_the_event_that_it_delivers() -> Result<()> {
        let mut watched = Watched::new()?;
        assert_eq!(watched.delivered()?, [1]);
        let second = scratch::duplicate(&watched.reader)?;
        let event = EpollEvent::new(EpollFlags::EPOLLIN, 2);
        watched.epoll.add(&second, event).context("epoll_ctl ADD")?;
        assert_eq!(watched.delivered()?, [1, 2]);
        watched.epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("epoll_create")?;
        assert_eq!(watched.delivered()?, [0; 0], "nothing is registered");
        assert!(!watched.is_registered(watched.reader.as_raw_fd())?);
        Ok(())
    }
}
