//! Every worker sleeps in poll on the one socket; the kernel wakes them all.

use std::net::TcpListener;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Prepared, Strategy, Wait, accept_and_serve, check_woken};
use crate::error::Error;
use crate::listen::{Accept, Site};
use crate::tally::Turn;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "poll",
    about: "each worker sleeps in poll, then accepts without blocking",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    let listener = site.listener(Accept::NonBlocking)?;
    Ok(Prepared::one_listener(listener, |listener, _| {
        Ok(Poll { listener })
    }))
}

struct Poll {
    listener: TcpListener,
}

impl Wait for Poll {
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Error> {
        let mut fds = [PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
        check_woken("poll", poll(&mut fds, PollTimeout::NONE))?;
        turn.note_return();
        accept_and_serve(&self.listener, turn).map(drop)
    }
}
