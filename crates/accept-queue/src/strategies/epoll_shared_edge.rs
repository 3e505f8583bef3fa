//! One epoll instance for all, edge-triggered: one edge, one worker.

use anyhow::Result;
use nix::sys::epoll::EpollFlags;

use super::{Prepared, Strategy, epoll};
use crate::listen::Site;

/// The strategy.
pub const STRATEGY: Strategy = Strategy {
    name: "epoll-shared-edge",
    about: "one epoll instance for all, edge-triggered; drains the queue",
    prepare,
};

fn prepare(site: &Site) -> Result<Prepared> {
    epoll::shared(site, EpollFlags::EPOLLIN | EpollFlags::EPOLLET)
}
