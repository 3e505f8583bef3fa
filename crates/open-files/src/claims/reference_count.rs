//! The open file description is counted: closing all but one reference releases nothing.

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use anyhow::{Context, Result};
use claim::{Arm, Claim, Prediction, Quantity, Reading};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::pipe2;

use crate::{flock, mapping, scm_rights, scratch};

const LEFT: &str = "descriptors left of 5";
const CLOSED: &str = "IN_CLOSE events while the others were closed";
const PIPE: &str = "pipe whose write end a child still holds";
const LOCK: &str = "flock, one duplicate of its descriptor left";
const IN_FLIGHT: &str = "flock, no descriptor left but a message in flight";
const MAPPED: &str = "flock, no descriptor left but a mapping";
const OPEN: &str = "open";
const ENDED: &str = "end of file";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "reference-count",
    topic: "open-files",
    statement: "The kernel counts references to an open file description: closing all but one \
                releases nothing, the last one does; messages in flight and mappings count too.",
    measures: "Leaves one reference and looks for each sign of a release: inotify's IN_CLOSE, end of \
               file on a pipe, a flock that another description can take. The last reference is a \
               duplicate, a child's descriptor, an SCM_RIGHTS message nobody has received, a mapping.",
    control: "the last reference goes as well",
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
        Quantity {
            name: LEFT,
            unit: "",
            experiment: Prediction::Count(1),
            control: Prediction::Count(0),
        },
        Quantity {
            name: CLOSED,
            unit: "",
            experiment: Prediction::Count(0),
            control: Prediction::Count(1),
        },
        Quantity {
            name: PIPE,
            unit: "",
            experiment: Prediction::Word(OPEN),
            control: Prediction::Word(ENDED),
        },
        Quantity {
            name: LOCK,
            unit: "",
            experiment: Prediction::Word(flock::HELD),
            control: Prediction::Word(flock::FREE),
        },
        Quantity {
            name: IN_FLIGHT,
            unit: "",
            experiment: Prediction::Word(flock::HELD),
            control: Prediction::Word(flock::FREE),
        },
        Quantity {
            name: MAPPED,
            unit: "",
            experiment: Prediction::Word(flock::HELD),
            control: Prediction::Word(flock::FREE),
        },
    ],
    limit: Duration::from_secs(5),
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

/// Closes four of five descriptors, in the control the fifth as well; counts IN_CLOSE after each, since
/// inotify merges equal events that stand next to each other.
fn closes(arm: Arm) -> Result<(usize, usize)> {
    let file = scratch::file(b"hello, kernel")?;
    let inotify =
        Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).context("inotify")?;
    let path = scratch::path(file.as_raw_fd());
    let mut five = vec![scratch::open_again(&file, OFlag::O_RDONLY)?];
    inotify
        .add_watch(&path, AddWatchFlags::IN_CLOSE)
        .context("inotify_add_watch")?;
    for _ in 1..5 {
        five.push(scratch::duplicate(&five[0])?);
    }
    let left = match arm {
        Arm::Experiment => 1,
        Arm::Control => 0,
    };
    let mut events = 0;
    while five.len() > left {
        drop(five.pop());
        events += match inotify.read_events() {
            Ok(events) => events.len(),
            Err(Errno::EAGAIN) => 0,
            Err(errno) => return Err(errno).context("read inotify events"),
        };
    }
    Ok((five.len(), events))
}

/// Looks for end of file on a pipe after the parent has closed its write end; a child holds another,
/// or has ended.
fn pipe(arm: Arm) -> Result<&'static str> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).context("pipe")?;
    let mut holder = child::fork("holder", |parent| Ok(parent.checkpoint()?))?;
    holder.at_checkpoint()?;
    drop(writer);
    if arm == Arm::Control {
        holder.release()?;
        holder.join()?;
        return end_of_file(&reader);
    }
    let seen = end_of_file(&reader)?;
    holder.release()?;
    holder.join()?;
    Ok(seen)
}

fn end_of_file(reader: &OwnedFd) -> Result<&'static str> {
    let mut fds = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).context("poll")?;
    let ended = fds[0]
        .revents()
        .is_some_and(|events| events.contains(PollFlags::POLLHUP));
    Ok(if ended { ENDED } else { OPEN })
}

fn locked(arm: Arm) -> Result<&'static str> {
    let (file, witness) = locked_file()?;
    let _left = match arm {
        Arm::Experiment => Some(scratch::duplicate(&file)?),
        Arm::Control => None,
    };
    drop(file);
    flock::state(&witness)
}

fn in_flight(arm: Arm) -> Result<&'static str> {
    let (file, witness) = locked_file()?;
    let (ours, theirs) = scm_rights::pair()?;
    scm_rights::send(&ours, &file)?;
    drop(file);
    if arm == Arm::Control {
        drop(scm_rights::receive(&theirs)?);
    }
    flock::state(&witness)
}

fn mapped(arm: Arm) -> Result<&'static str> {
    let (file, witness) = locked_file()?;
    let mapping = mapping::shared(&file, NonZeroUsize::MIN)?;
    drop(file);
    if arm == Arm::Control {
        drop(mapping);
        return flock::state(&witness);
    }
    let seen = flock::state(&witness);
    drop(mapping);
    seen
}

/// A file with a flock on it, and another description to look for the lock.
fn locked_file() -> Result<(File, File)> {
    let file = scratch::file(b"hello, kernel")?;
    let witness = scratch::open_again(&file, OFlag::O_RDWR)?;
    file.lock().context("flock LOCK_EX")?;
    Ok((file, witness))
}
