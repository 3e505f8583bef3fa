//! One epoll instance for all with EPOLLONESHOT: the event is disarmed when it is delivered, until
//! the worker arms it again.

use nix::sys::epoll::EpollFlags;

use super::{Prepared, Strategy, epoll};
use crate::error::Error;
use crate::listen::Site;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "epoll-shared-oneshot",
    about: "one epoll instance for all, disarmed by each event, armed again after the accept",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    epoll::shared_instance(site, EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT)
}
