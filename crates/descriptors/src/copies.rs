//! Descriptors compared by copies in our own table, which nobody can close: pidfd_getfd(2). What
//! was said of a copy stays true while others close and reopen theirs.
//!
//! A copy keeps its description alive for a moment, so this is not the way where kcmp(2) and
//! standing still are enough.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use observe::descriptor_table::DescriptorTable;
use observe::{description, kcmp, pidfd};

use crate::facts::{Facts, Key};
use crate::gather::{Gathered, Group, Place, means_absent};
use crate::settle::{Settled, join_all, known};

/// How copies are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// By kcmp(2), which has an order: a binary search.
    Kcmp,
    /// By `F_DUPFD_QUERY`, which has none: one after the other.
    Query,
}

/// How many different descriptions of one key are held at most; `F_DUPFD_QUERY` is asked that often
/// of each descriptor.
const MAX_QUERIES: usize = 256;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) known: Vec<Settled>,
    /// Those that may not be copied, each by itself. One description may be among them and among
    /// the known.
    pub(crate) unknown: Vec<Group>,
}

/// A description that a copy holds.
struct Held {
    copy: OwnedFd,
    settled: Settled,
}

/// Compares descriptors of one key, each in a group of its own.
pub(crate) fn compare(
    gathered: &mut Gathered,
    key: &Key,
    groups: Vec<Group>,
    comparison: Comparison,
) -> Compared {
    let mut compared = Compared::default();
    if groups[0].facts.is_socket() {
        compared.known.extend(join_all(groups));
        return compared;
    }
    let Ok(own) = DescriptorTable::open(std::process::id() as i32, None) else {
        compared.unknown = groups;
        return compared;
    };
    let mut held: Vec<Held> = Vec::new();
    for group in groups {
        match copy(gathered, &group, &own) {
            Copy::Gone => {}
            Copy::Refused => compared.unknown.push(group),
            Copy::Of(copy, facts) if facts.key() == *key => match place(&held, &copy, comparison) {
                Some(Ok(same)) => held[same].settled.members.extend(group.members),
                Some(Err(at)) => held.insert(at, hold(copy, *facts, group.members)),
                None => compared.unknown.push(group),
            },
            // Opened anew as something else since it was read: what it is now was not compared.
            Copy::Of(_, facts) => {
                let (facts, members) = (*facts, group.members);
                compared.known.push(known(Group { facts, members }, false));
            }
        }
    }
    // Whoever could not be copied may be one with any of these.
    let certain = compared.unknown.is_empty();
    compared.known.extend(held.into_iter().map(|held| Settled {
        certain,
        ..held.settled
    }));
    compared
}

fn hold(copy: OwnedFd, facts: Facts, members: Vec<Place>) -> Held {
    let settled = Settled {
        facts,
        members,
        certain: true,
        hidden: None,
    };
    Held { copy, settled }
}

/// What came of copying a descriptor.
enum Copy {
    /// The copy, and what /proc tells of it.
    Of(OwnedFd, Box<Facts>),
    /// It has been closed.
    Gone,
    /// It may not be copied.
    Refused,
}

/// A copy of the one member of `group`.
fn copy(gathered: &mut Gathered, group: &Group, own: &DescriptorTable) -> Copy {
    let place = group.members[0];
    if !gathered.mounts.may_close_copy(&group.facts) {
        return Copy::Refused;
    }
    let table = &gathered.tables[place.table];
    let task = match table.tid {
        Some(tid) => pidfd::open_thread(tid),
        None => pidfd::open(table.pid),
    };
    match task.and_then(|task| pidfd::getfd(task.as_fd(), place.fd)) {
        Ok(copy) => match Facts::read(own, copy.as_raw_fd(), &gathered.mounts) {
            Ok(facts) => Copy::Of(copy, Box::new(facts)),
            Err(_) => Copy::Refused,
        },
        Err(error) if means_absent(&error) || error.errno == Errno::EBADF => Copy::Gone,
        Err(_) => Copy::Refused,
    }
}

/// Where a copy belongs: `Ok` the place of the one that is the same, `Err` where it is to be put;
/// none where it cannot be compared.
fn place(held: &[Held], copy: &OwnedFd, comparison: Comparison) -> Option<Result<usize, usize>> {
    match comparison {
        Comparison::Kcmp => search(held, copy),
        Comparison::Query => {
            for (at, held) in held.iter().enumerate() {
                if at >= MAX_QUERIES {
                    return None;
                }
                if description::query(held.copy.as_fd(), copy.as_fd()).ok()? {
                    return Some(Ok(at));
                }
            }
            Some(Err(held.len()))
        }
    }
}

fn search(held: &[Held], copy: &OwnedFd) -> Option<Result<usize, usize>> {
    let own = std::process::id() as i32;
    let mut refused = false;
    let found = held.binary_search_by(|held| {
        let (held, copy) = ((own, held.copy.as_raw_fd()), (own, copy.as_raw_fd()));
        kcmp::descriptions(held, copy).unwrap_or_else(|_| {
            refused = true;
            std::cmp::Ordering::Equal
        })
    });
    (!refused).then_some(found)
}
