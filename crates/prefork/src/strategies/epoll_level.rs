//! An epoll instance per worker, level-triggered: the event is delivered to every
//! instance, so every worker is woken.

use nix::sys::epoll::EpollFlags;

use super::{Prepared, Strategy, epoll};
use crate::error::Error;
use crate::listen::Site;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "epoll-level",
    about: "each worker sleeps in epoll_wait on an epoll instance of its own",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    epoll::instance_per_worker(site, EpollFlags::EPOLLIN)
}
