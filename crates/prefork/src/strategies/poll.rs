//! Every worker sleeps in poll on the one socket; the kernel wakes them all.

use std::net::TcpListener;
use std::os::fd::AsFd;

use anyhow::Result;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Prepared, Strategy, Wait, take, unless_interrupted};
use crate::listen::{Empty, Site};
use crate::tally::Turn;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "poll",
    about: "each worker sleeps in poll, then accepts without blocking",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared> {
    let listener = site.listener(Empty::Again)?;
    Ok(Prepared::one(listener, |listener, _| Ok(Poll { listener })))
}

struct Poll {
    listener: TcpListener,
}

impl Wait for Poll {
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Errno> {
        let mut fds = [PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
        unless_interrupted(poll(&mut fds, PollTimeout::NONE))?;
        turn.returned();
        take(&self.listener, turn).map(drop)
    }
}
