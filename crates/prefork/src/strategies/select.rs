//! Every worker sleeps in select on the one socket; the kernel wakes them all.

use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd};

use anyhow::{Result, ensure};
use nix::errno::Errno;
use nix::sys::select::{FD_SETSIZE, FdSet, select};

use super::{Prepared, Strategy, Wait, take, unless_interrupted};
use crate::listen::{Empty, Site};
use crate::tally::Turn;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "select",
    about: "each worker sleeps in select, then accepts without blocking",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared> {
    let listener = site.listener(Empty::Again)?;
    let fd = listener.as_raw_fd();
    ensure!(
        (fd as usize) < FD_SETSIZE,
        "select takes no descriptor above {}, and the listener is {fd}",
        FD_SETSIZE - 1
    );
    Ok(Prepared::one(listener, |listener, _| {
        Ok(Select { listener })
    }))
}

struct Select {
    listener: TcpListener,
}

impl Wait for Select {
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Errno> {
        let mut read = FdSet::new();
        read.insert(self.listener.as_fd());
        unless_interrupted(select(None, &mut read, None, None, None))?;
        turn.returned();
        take(&self.listener, turn).map(drop)
    }
}
