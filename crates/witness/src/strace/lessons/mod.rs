//! The lessons that were written for claims: what else a trace shows than the acts of the claim.

mod accept;
mod added;
mod files;
mod locks;
mod memory;

pub use added::{ADDED, Added, IN_ORDER};

use super::lesson::Written;

/// Every lesson that was written, one a claim.
pub const WRITTEN: &[Written] = &[
    files::FORK_SHARES_OFFSET,
    files::PORT_AND_SOCKET,
    accept::ACCEPT_WAKES_ONE,
    accept::HERD_EPOLL,
    locks::SPINLOCK_BURNS,
    memory::LAZY_PAGES,
    files::LAYERS,
    files::EPOLL_REGISTERS,
    memory::ADDRESSES_FRAGMENT,
    memory::SEGMENT_LIMIT,
];
