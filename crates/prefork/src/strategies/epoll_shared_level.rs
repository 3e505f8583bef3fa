//! One epoll instance for all, level-triggered: the kernel puts the ready event back, so a second
//! worker is woken.

use nix::sys::epoll::EpollFlags;

use super::{Prepared, Strategy, epoll};
use crate::error::Error;
use crate::listen::Site;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "epoll-shared-level",
    about: "all workers sleep on one epoll instance made before the fork",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared, Error> {
    epoll::shared_instance(site, EpollFlags::EPOLLIN)
}
