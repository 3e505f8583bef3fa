//! One epoll instance for all, edge-triggered: one edge wakes one worker, which accepts one
//! connection and arms the event again for the rest.

use nix::sys::epoll::EpollFlags;

use super::{Prepared, Strategy, epoll};
use crate::error::Error;
use crate::listen::Site;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "epoll-shared-edge",
    about: "one epoll instance for all, edge-triggered; armed again after each accept",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    epoll::shared_instance(site, EpollFlags::EPOLLIN | EpollFlags::EPOLLET)
}
