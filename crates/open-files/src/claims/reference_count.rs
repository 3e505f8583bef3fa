//! The open file description is counted: closing all but one reference releases nothing.

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use anyhow::{Context, Result};
use claim::{Arm, Claim, Quantity, Reading};
use harness::{mapping, scratch};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::pipe2;

use super::{around, then};
use crate::{flock, scm_rights};

const LEFT: &str = "descriptors still open of 5";
const CLOSED: &str = "IN_CLOSE events of the file";
const PIPE: &str = "pipe, its last write end held by a child";
const LOCK: &str = "flock, its last reference a duplicate";
const IN_FLIGHT: &str = "flock, its last reference a message in flight";
const MAPPED: &str = "flock, its last reference a mapping";
const OPEN: &str = "open";
const ENDED: &str = "ended";
const HELD_THEN_FREE: &str = "held, then free";
const FREE_THEN_FREE: &str = "free, then free";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "reference-count",
    topic: "open-files",
    statement: "The kernel counts references to an open file description: closing all but one \
                releases nothing, the last one does; messages in flight and mappings count too.",
    measures: "Leaves one reference and looks for each sign of a release: inotify's IN_CLOSE, end of \
               file on a pipe, a flock that another description can take. The last reference is a \
               duplicate, a child's descriptor, an SCM_RIGHTS message nobody has received, a mapping. \
               It goes then, too, and the sign must be there.",
    control: "the last reference goes before the first look",
    notes: &[6],
    needs: &[],
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
    quantities: &[
        Quantity::word(LEFT, "1, then 0", "0, then 0"),
        Quantity::word(CLOSED, "0, then 1", "1, then 1"),
        Quantity::word(PIPE, "open, then ended", "ended, then ended"),
        Quantity::word(LOCK, HELD_THEN_FREE, FREE_THEN_FREE),
        Quantity::word(IN_FLIGHT, HELD_THEN_FREE, FREE_THEN_FREE),
        Quantity::word(MAPPED, HELD_THEN_FREE, FREE_THEN_FREE),
    ],
    limit: Duration::from_secs(30),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let (left, events) = closes(arm)?;
    Ok(Reading::counters()
        .with(LEFT, left)
        .with(CLOSED, events)
        .with(PIPE, pipe(arm)?)
        .with(LOCK, locked(arm)?)
        .with(IN_FLIGHT, in_flight(arm)?)
        .with(MAPPED, mapped(arm)?))
}

/// Closes four of five descriptors, looks which are open and what inotify tells, and closes the fifth.
fn closes(arm: Arm) -> Result<(String, String)> {
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
    let looks = around(arm, || gone(last), look)?;
    Ok((
        then(looks.map(|look| look.0)),
        then(looks.map(|look| look.1)),
    ))
}

/// Looks for end of file on a pipe after the parent has closed its write end; a child holds another,
/// and ends.
fn pipe(arm: Arm) -> Result<String> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).context("pipe")?;
    let mut holder = child::fork("holder", |parent| Ok(parent.checkpoint()?))?;
    holder.at_checkpoint()?;
    drop(writer);
    let end = || {
        holder.release()?;
        Ok(holder.join()?)
    };
    Ok(then(around(arm, end, || end_of_file(&reader))?))
}

fn end_of_file(reader: &OwnedFd) -> Result<&'static str> {
    let mut fds = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).context("poll")?;
    let ended = fds[0]
        .revents()
        .is_some_and(|events| events.contains(PollFlags::POLLHUP));
    Ok(if ended { ENDED } else { OPEN })
}

fn locked(arm: Arm) -> Result<String> {
    let (file, witness) = locked_file()?;
    let last = scratch::duplicate(&file)?;
    drop(file);
    Ok(then(around(arm, || gone(last), || flock::state(&witness))?))
}

fn in_flight(arm: Arm) -> Result<String> {
    let (file, witness) = locked_file()?;
    let (ours, theirs) = scm_rights::pair()?;
    scm_rights::send(&ours, &file)?;
    drop(file);
    let received = || gone(scm_rights::receive(&theirs)?);
    Ok(then(around(arm, received, || flock::state(&witness))?))
}

fn mapped(arm: Arm) -> Result<String> {
    let (file, witness) = locked_file()?;
    let last = mapping::shared(&file, NonZeroUsize::MIN)?;
    drop(file);
    Ok(then(around(arm, || gone(last), || flock::state(&witness))?))
}

/// Drops a reference: close(2), munmap(2).
fn gone<T>(reference: T) -> Result<()> {
    drop(reference);
    Ok(())
}

/// A file with a flock on it, and another description to look for the lock.
fn locked_file() -> Result<(File, File)> {
    let file = scratch::file(b"hello, kernel")?;
    let witness = scratch::open_again(&file, OFlag::O_RDWR)?;
    file.lock().context("flock LOCK_EX")?;
    Ok((file, witness))
}
