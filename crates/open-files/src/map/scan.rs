//! Reads every descriptor of some processes and groups them by description.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use nix::errno::Errno;
use observe::{Error, fdinfo, kcmp, process};

use super::{Denied, Description, Holder, Map, Watch};
use crate::scratch;

/// A descriptor with all that is known of it.
struct Seen {
    holder: Holder,
    target: process::Target,
    info: fdinfo::FdInfo,
}

/// What descriptors of one description have in common for life; kcmp is asked only within it. Offset
/// and flags are not among it: they may change between two looks.
type Key = ((u64, u64), Option<i64>, Option<u64>);

/// Maps the descriptors of `pids`, each once. A process or descriptor that is gone meanwhile is left out; one
/// that may not be looked into is listed as denied. Where kcmp is refused, by a filter or by a kernel
/// without it, the map says which descriptions are not certain for it.
pub fn scan(pids: &[i32]) -> Map {
    let mut groups: BTreeMap<Key, Vec<Seen>> = BTreeMap::new();
    let mut denied = Vec::new();
    for pid in pids.iter().copied().collect::<BTreeSet<i32>>() {
        match descriptors(pid) {
            Ok(all) => all
                .into_iter()
                .for_each(|seen| groups.entry(key(&seen)).or_default().push(seen)),
            Err(error) if gone(&error) => {}
            Err(error) => denied.push(Denied {
                pid,
                command: process::name(pid),
                descriptors: process::count(pid).unwrap_or(0),
                why: error.to_string(),
            }),
        }
    }
    let mut refused = None;
    let mut descriptions = Vec::new();
    for group in groups.into_values() {
        match split(group) {
            Ok(split) => descriptions.extend(split.into_iter().map(|same| description(same, true))),
            Err((error, group)) => {
                refused.get_or_insert(error);
                for same in alike(group) {
                    let certain = same.len() == 1;
                    descriptions.push(description(same, certain));
                }
            }
        }
    }
    let first = |d: &Description| d.holders.first().map(|holder| (holder.pid, holder.fd));
    descriptions.sort_by_key(first);
    Map {
        schema: 1,
        descriptions,
        denied,
        refused: refused.map(|error| error.to_string()),
    }
}

fn descriptors(pid: i32) -> Result<Vec<Seen>, Error> {
    let command = process::name(pid);
    let mut all = Vec::new();
    for fd in process::descriptors(pid)? {
        let seen = process::target(pid, fd).and_then(|target| Ok((target, fdinfo::of(pid, fd)?)));
        match seen {
            Ok((target, info)) => {
                let close_on_exec = info.close_on_exec;
                let holder = Holder {
                    pid,
                    command: command.clone(),
                    fd,
                    close_on_exec,
                };
                all.push(Seen {
                    holder,
                    target,
                    info,
                });
            }
            Err(error) if gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

fn gone(error: &Error) -> bool {
    matches!(error.errno, Errno::ENOENT | Errno::ESRCH)
}

fn key(seen: &Seen) -> Key {
    let info = &seen.info;
    (seen.target.inode, info.mount, info.eventfd_id)
}

/// Splits descriptors of equal keys by description. A socket has one description for life, so its
/// inode says it all; the others are put in kcmp's order, in which the same stand together. Where kcmp is
/// refused, the descriptors come back with its error.
fn split(mut group: Vec<Seen>) -> Result<Vec<Vec<Seen>>, (Error, Vec<Seen>)> {
    if group
        .iter()
        .all(|seen| seen.target.link.starts_with("socket:"))
    {
        return Ok(vec![group]);
    }
    let mut refused = None;
    let mut order = |a: &Seen, b: &Seen| {
        let pair = |seen: &Seen| (seen.holder.pid, seen.holder.fd);
        kcmp::descriptions(pair(a), pair(b)).unwrap_or_else(|error| {
            // A holder that is gone has no order; any will do.
            if !gone(&error) && error.errno != Errno::EBADF {
                refused = Some(error);
            }
            Ordering::Less
        })
    };
    let mut split: Vec<Vec<Seen>> = Vec::new();
    // Insertion by binary search: a comparison that has lost its object cannot confuse it, as it
    // could a library sort that insists on a total order.
    for seen in group.drain(..) {
        match split.binary_search_by(|same| order(&same[0], &seen)) {
            Ok(at) => split[at].push(seen),
            Err(at) => split.insert(at, vec![seen]),
        }
    }
    match refused {
        None => Ok(split),
        Some(error) => Err((error, split.into_iter().flatten().collect())),
    }
}

/// Splits descriptors of equal keys by what fdinfo tells of the description: what differs are two, what
/// does not may be.
fn alike(group: Vec<Seen>) -> Vec<Vec<Seen>> {
    let told = |seen: &Seen| fdinfo::FdInfo {
        close_on_exec: false,
        ..seen.info.clone()
    };
    let mut split: Vec<Vec<Seen>> = Vec::new();
    for seen in group {
        match split.iter_mut().find(|same| told(&same[0]) == told(&seen)) {
            Some(same) => same.push(seen),
            None => split.push(vec![seen]),
        }
    }
    split
}

fn description(same: Vec<Seen>, certain: bool) -> Description {
    let first = &same[0];
    let (device, inode) = first.target.inode;
    let watches = &first.info.watches;
    let watch = |(at, watch): (usize, &fdinfo::Watch)| {
        let nth = watches[..at]
            .iter()
            .filter(|earlier| earlier.fd == watch.fd)
            .count() as u32;
        Watch {
            fd: watch.fd,
            events: watch.events,
            inode: watch.inode,
            ghost: is_ghost(&same, watch.fd, nth),
        }
    };
    Description {
        object: first.target.link.clone(),
        device,
        inode,
        offset: first.info.pos,
        access: scratch::access_mode(first.info.status_flags),
        status_flags: first.info.status_flags,
        certain,
        watches: watches.iter().enumerate().map(watch).collect(),
        holders: same.into_iter().map(|seen| seen.holder).collect(),
    }
}

/// Whether no holder of an epoll instance has the very description that it watches as `fd` open under
/// that number; unknown where kcmp is refused.
fn is_ghost(epoll: &[Seen], fd: i32, nth: u32) -> Option<bool> {
    for Seen { holder, .. } in epoll {
        match kcmp::watched(holder.pid, fd, holder.fd, fd, nth) {
            Ok(order) if order.is_eq() => return Some(false),
            Ok(_) => {}
            Err(error) if gone(&error) || error.errno == Errno::EBADF => {}
            Err(_) => return None,
        }
    }
    Some(true)
}
