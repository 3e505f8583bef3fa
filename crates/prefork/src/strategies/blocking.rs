//! Every worker blocks in accept: the textbook's server.

use std::net::TcpListener;

use anyhow::Result;
use nix::errno::Errno;

use super::{Prepared, Strategy, Wait, accept};
use crate::listen::{Empty, Site};
use crate::tally::Turn;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "blocking",
    about: "each worker sleeps in accept on the one socket",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared> {
    let listener = site.listener(Empty::Sleep)?;
    Ok(Prepared::one(listener, |listener, _| {
        Ok(Blocking { listener })
    }))
}

/// Sleeps in accept; also what each worker of a SO_REUSEPORT group does.
pub(super) struct Blocking {
    pub(super) listener: TcpListener,
}

impl Wait for Blocking {
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Errno> {
        let connection = accept(&self.listener)?;
        turn.returned();
        if let Some(connection) = connection {
            turn.accepted(connection);
        }
        Ok(())
    }
}
