//! EPOLLEXCLUSIVE and edge-triggered: the event is delivered to one or more instances
//! (epoll_ctl(2)), in practice up to the first with a sleeper, and to each only once.

use nix::sys::epoll::EpollFlags;

use super::{Prepared, Strategy, epoll};
use crate::error::Error;
use crate::listen::Site;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "epoll-exclusive-edge",
    about: "EPOLLEXCLUSIVE and edge-triggered; drains the queue",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    epoll::instance_per_worker(
        site,
        EpollFlags::EPOLLIN | EpollFlags::EPOLLEXCLUSIVE | EpollFlags::EPOLLET,
    )
}
