//! Every worker blocks in accept: the textbook's server.

use std::net::TcpListener;

use super::{Prepared, Strategy, Wait, accept};
use crate::error::Error;
use crate::listen::{Accept, Site};
use crate::tally::Turn;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "blocking",
    about: "each worker sleeps in accept on the one socket",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    let listener = site.listener(Accept::Blocking)?;
    Ok(Prepared::one_listener(listener, |listener, _| {
        Ok(Blocking { listener })
    }))
}

/// Sleeps in accept; also what each worker of a SO_REUSEPORT group does.
pub(super) struct Blocking {
    pub(super) listener: TcpListener,
}

impl Wait for Blocking {
    fn wait(&mut self, turn: &mut Turn<'_>) -> Result<(), Error> {
        let connection = accept(&self.listener)?;
        turn.note_return();
        if let Some(connection) = connection {
            turn.serve(connection);
        }
        Ok(())
    }
}
