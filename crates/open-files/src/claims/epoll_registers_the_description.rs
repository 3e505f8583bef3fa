//! An epoll registration names an open file description; close(2) of the descriptor leaves it.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use anyhow::{Context, Result};
use claim::{Arm, Claim, Prediction, Quantity, Reading};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::unistd::{pipe2, write};

use super::outcome;
use crate::scratch;

const GHOST: &str = "events of a descriptor that was closed";
const DELETE: &str = "EPOLL_CTL_DEL after the close, through the duplicate";
const TWICE: &str = "registering a duplicate as well";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "epoll-registers-the-description",
    topic: "open-files",
    statement: "epoll watches the open file description: after close() its events still arrive \
                while another descriptor keeps the description alive, and the registration can no \
                longer be removed.",
    measures: "Registers a pipe's read end, keeps a duplicate, closes the registered descriptor, \
               writes to the pipe and waits without a timeout; then asks for the registration's \
               removal through the duplicate. A registration's key is description and number: the \
               duplicate's number names no registration, and can be registered as well.",
    control: "no duplicate is kept; the registered descriptor stays open; the same number is \
              registered twice",
    notes: &[5],
    needs: &[],
    syscalls: &["epoll_ctl", "close", "epoll_wait"],
    man: &["epoll(7)", "epoll_ctl(2)"],
    quantities: &[
        Quantity {
            name: GHOST,
            unit: "",
            experiment: Prediction::Count(1),
            control: Prediction::Count(0),
        },
        Quantity {
            name: DELETE,
            unit: "",
            experiment: Prediction::Word("ENOENT"),
            control: Prediction::Word("ok"),
        },
        Quantity {
            name: TWICE,
            unit: "",
            experiment: Prediction::Word("ok"),
            control: Prediction::Word("EEXIST"),
        },
    ],
    limit: Duration::from_secs(5),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    Ok(Reading::kernel()
        .with(GHOST, ghosts(arm)?)
        .with(DELETE, outcome(delete(arm)?))
        .with(TWICE, outcome(twice(arm)?)))
}

fn ghosts(arm: Arm) -> Result<usize> {
    let watched = Watched::new()?;
    let _kept = match arm {
        Arm::Experiment => Some(scratch::duplicate(&watched.reader)?),
        Arm::Control => None,
    };
    drop(watched.reader);
    // With no duplicate the pipe has lost its last reader, and nobody is left to be told.
    match write(&watched.writer, b"x") {
        Ok(_) | Err(Errno::EPIPE) => {}
        Err(errno) => return Err(errno).context("write to the pipe"),
    }
    let mut events = [EpollEvent::empty(); 4];
    watched
        .epoll
        .wait(&mut events, EpollTimeout::ZERO)
        .context("epoll_wait")
}

fn delete(arm: Arm) -> Result<Result<(), Errno>> {
    let watched = Watched::new()?;
    let duplicate = scratch::duplicate(&watched.reader)?;
    Ok(match arm {
        Arm::Experiment => {
            drop(watched.reader);
            watched.epoll.delete(&duplicate)
        }
        Arm::Control => watched.epoll.delete(&watched.reader),
    })
}

fn twice(arm: Arm) -> Result<Result<(), Errno>> {
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
}
