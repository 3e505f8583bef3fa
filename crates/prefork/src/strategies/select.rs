//! Every worker sleeps in select on the one socket; the kernel wakes them all.

use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::select::{FD_SETSIZE, FdSet, select};

use super::{Prepared, Strategy, Wait, accept_and_serve, check_woken};
use crate::error::{Error, ErrorKind};
use crate::listen::{Accept, Site};
use crate::tally::Turn;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "select",
    about: "each worker sleeps in select, then accepts without blocking",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    let listener = site.listener(Accept::NonBlocking)?;
    let fd = listener.as_raw_fd();
    if fd as usize >= FD_SETSIZE {
        let largest = FD_SETSIZE - 1;
        let why = format!("select takes no descriptor above {largest}, and the listener is {fd}");
        return Err(Error::new(ErrorKind::System, "select", "", why));
    }
    Ok(Prepared::one_listener(listener, |listener, _| {
        Ok(Select { listener })
    }))
}

struct Select {
    listener: TcpListener,
}

impl Wait for Select {
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Error> {
        let mut read = FdSet::new();
        read.insert(self.listener.as_fd());
        check_woken("select", select(None, &mut read, None, None, None))?;
        turn.note_return();
        accept_and_serve(&self.listener, turn).map(drop)
    }
}
