//! An epoll instance per worker, edge-triggered: an edge still goes to every instance.

use nix::sys::epoll::EpollFlags;

use super::{Prepared, Strategy, epoll};
use crate::error::Error;
use crate::listen::Site;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "epoll-edge",
    about: "the same, edge-triggered; drains the queue",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    epoll::instance_per_worker(site, EpollFlags::EPOLLIN | EpollFlags::EPOLLET)
}
