//! An epoll instance per worker with EPOLLEXCLUSIVE: the kernel wakes at least one of them, and in
//! practice one (epoll_ctl(2)), as it does for accept.

use nix::sys::epoll::EpollFlags;

use super::{Prepared, Strategy, epoll};
use crate::error::Error;
use crate::listen::Site;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "epoll-exclusive",
    about: "an epoll instance per worker, registered with EPOLLEXCLUSIVE",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    epoll::instance_per_worker(site, EpollFlags::EPOLLIN | EpollFlags::EPOLLEXCLUSIVE)
}
