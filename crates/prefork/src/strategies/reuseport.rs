//! A listening socket per worker on one port (SO_REUSEPORT): the kernel chooses the queue by a hash
//! of the connection's addresses.

use super::blocking::Blocking;
use super::{Prepared, Strategy};
use crate::error::Error;
use crate::listen::Site;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "reuseport",
    about: "a socket and a queue for each worker, chosen by a hash",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    Ok(Prepared::listener_each(
        site.reuseport_group()?,
        |listener, _| Ok(Blocking { listener }),
    ))
}
