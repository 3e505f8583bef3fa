//! The open file description is counted: closing all but one reference releases nothing.

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use anyhow::{Context, Result};
use claim::{Arm, Claim, Name, Quantity, Reading};
use harness::{mapping, scratch};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::pipe2;

use super::{before_and_after_text, observe_before_and_after};
use crate::{flock, scm_rights};

const LEFT: Quantity = Name("descriptors still open of 5").word("1, then 0", "0, then 0");
const CLOSED: Quantity = Name("IN_CLOSE events of the file").word("0, then 1", "1, then 1");
const PIPE: Quantity =
    Name("pipe, its last write end held by a child").word("open, then ended", "ended, then ended");
const LOCK: Quantity =
    Name("flock, its last reference a duplicate").word(HELD_THEN_FREE, FREE_THEN_FREE);
const IN_FLIGHT: Quantity =
    Name("flock, its last reference a message in flight").word(HELD_THEN_FREE, FREE_THEN_FREE);
const MAPPED: Quantity =
    Name("flock, its last reference a mapping").word(HELD_THEN_FREE, FREE_THEN_FREE);
const OPEN: &str = "open";
const ENDED: &str = "ended";
const HELD_THEN_FREE: &str = "held, then free";
const FREE_THEN_FREE: &str = "free, then free";

pub(super) const CLAIM: Claim = Claim {
    id: "reference-count",
    statement: "The kernel counts references to an open file description: closing all but one \
                releases nothing, the last one does; messages in flight and mappings count too.",
    measures: "Leaves one reference and looks for each sign of a release: inotify's IN_CLOSE, end \
               of file on a pipe, a flock that another description can take. The last reference is \
               a duplicate, a child's descriptor, an SCM_RIGHTS message nobody has received, a \
               mapping. It goes then, too, and the sign must be there.",
    control: "the last reference goes before the first look",
    notes: &[6],
    syscalls: &[
        "close",
        "dup",
        "inotify_add_watch",
        "poll",
        "flock",
        "sendmsg",
        "mmap",
        "munmap",
    ],
    man: &["close(2)", "inotify(7)", "flock(2)", "unix(7)", "mmap(2)"],
    quantities: &[LEFT, CLOSED, PIPE, LOCK, IN_FLIGHT, MAPPED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let (left, events) = open_and_closed(arm)?;
    Ok(Reading::counters()
        .with(&LEFT, left)
        .with(&CLOSED, events)
        .with(&PIPE, pipe(arm)?)
        .with(&LOCK, flock_of_duplicate(arm)?)
        .with(&IN_FLIGHT, flock_in_flight(arm)?)
        .with(&MAPPED, flock_of_mapping(arm)?))
}

/// Closes four of five descriptors, looks which are open and what inotify tells, and closes the
/// fifth.
fn open_and_closed(arm: Arm) -> Result<(String, String)> {
    let file = scratch::file(b"hello, kernel")?;
    let inotify =
        Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).context("inotify")?;
    let path = scratch::path(file.as_raw_fd());
    let last = scratch::open_again(&file, OFlag::O_RDONLY)?;
    inotify
        .add_watch(&path, AddWatchFlags::IN_CLOSE)
        .context("inotify_add_watch")?;
    let mut numbers = vec![last.as_raw_fd()];
    let mut four = Vec::new();
    for _ in 0..4 {
        let duplicate = scratch::duplicate(&last)?;
        numbers.push(duplicate.as_raw_fd());
        four.push(duplicate);
    }
    drop(four);
    let mut events = 0;
    let look = || {
        let mut open = 0;
        for number in &numbers {
            open += usize::from(scratch::is_open(*number)?);
        }
        events += match inotify.read_events() {
            Ok(events) => events.len(),
            Err(Errno::EAGAIN) => 0,
            Err(errno) => return Err(errno).context("read inotify events"),
        };
        Ok((open, events))
    };
    let looks = observe_before_and_after(arm, || release(last), look)?;
    Ok((
        before_and_after_text(looks.map(|look| look.0)),
        before_and_after_text(looks.map(|look| look.1)),
    ))
}

/// Looks for end of file on a pipe after the parent has closed its write end; a child holds
/// another, and ends.
fn pipe(arm: Arm) -> Result<String> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).context("pipe")?;
    let mut holder = child::fork("holder", |parent| Ok(parent.checkpoint()?))?;
    holder.at_checkpoint()?;
    drop(writer);
    let end = || {
        holder.release()?;
        Ok(holder.join()?)
    };
    Ok(before_and_after_text(observe_before_and_after(
        arm,
        end,
        || end_of_file(&reader),
    )?))
}

fn end_of_file(reader: &OwnedFd) -> Result<&'static str> {
    let mut fds = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).context("poll")?;
    let ended = fds[0]
        .revents()
        .is_some_and(|events| events.contains(PollFlags::POLLHUP));
    Ok(if ended { ENDED } else { OPEN })
}

fn flock_of_duplicate(arm: Arm) -> Result<String> {
    let (file, witness) = file_with_flock()?;
    let last = scratch::duplicate(&file)?;
    drop(file);
    Ok(before_and_after_text(observe_before_and_after(
        arm,
        || release(last),
        || flock::state(&witness),
    )?))
}

fn flock_in_flight(arm: Arm) -> Result<String> {
    let (file, witness) = file_with_flock()?;
    let (ours, theirs) = scm_rights::pair()?;
    scm_rights::send(&ours, &file)?;
    drop(file);
    let received = || release(scm_rights::receive(&theirs)?);
    Ok(before_and_after_text(observe_before_and_after(
        arm,
        received,
        || flock::state(&witness),
    )?))
}

fn flock_of_mapping(arm: Arm) -> Result<String> {
    let (file, witness) = file_with_flock()?;
    let last = mapping::shared(&file, NonZeroUsize::MIN)?;
    drop(file);
    Ok(before_and_after_text(observe_before_and_after(
        arm,
        || release(last),
        || flock::state(&witness),
    )?))
}

/// Drops a reference: close(2), munmap(2).
fn release<T>(reference: T) -> Result<()> {
    drop(reference);
    Ok(())
}

/// A file with a flock on it, and another description to look for the lock.
fn file_with_flock() -> Result<(File, File)> {
    let file = scratch::file(b"hello, kernel")?;
    let witness = scratch::open_again(&file, OFlag::O_RDWR)?;
    file.lock().context("flock LOCK_EX")?;
    Ok((file, witness))
}
