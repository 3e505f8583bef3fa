//! Reads every descriptor of some processes and groups them by description.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use nix::errno::Errno;
use observe::{Error, fdinfo, kcmp, process};

use super::{Denied, Description, Holder, Map, Watch};

/// A descriptor with all that is known of it.
struct Seen {
    holder: Holder,
    target: process::Target,
    info: fdinfo::FdInfo,
}

impl Seen {
    /// The process and the number in its table.
    fn number(&self) -> (i32, i32) {
        (self.holder.pid, self.holder.fd)
    }

    /// Whether the process has ended or the descriptor has been closed by now.
    fn is_closed(&self) -> bool {
        kcmp::descriptions(self.number(), self.number()).is_err_and(|error| means_closed(&error))
    }
}

/// What descriptors of one description have in common for life; kcmp is asked only within it.
/// Offset and flags are not among it: they may change between two looks.
type Key = ((u64, u64), Option<i64>, Option<u64>);

/// Maps the descriptors of `pids`, each once. A process that ends or a descriptor that is closed
/// meanwhile is left out; one that may not be looked into is listed as denied. Where kcmp is
/// refused, by a filter or by a kernel without it, the map says which descriptions are not certain
/// for it.
pub fn scan(pids: &[i32]) -> Map {
    let mut groups: BTreeMap<Key, Vec<Seen>> = BTreeMap::new();
    let mut denied = Vec::new();
    for pid in pids.iter().copied().collect::<BTreeSet<i32>>() {
        match descriptors(pid) {
            Ok(all) => all
                .into_iter()
                .for_each(|seen| groups.entry(key(&seen)).or_default().push(seen)),
            Err(error) if means_absent(&error) => {}
            Err(error) => denied.push(Denied {
                pid,
                command: process::name(pid),
                descriptors: process::count_descriptors(pid).unwrap_or(0),
                why: error,
            }),
        }
    }
    let mut refused = None;
    let mut descriptions = Vec::new();
    for group in groups.into_values() {
        match split_by_kcmp(group) {
            Ok(split) => descriptions.extend(split.into_iter().map(|same| description(same, true))),
            Err((error, group)) => {
                refused.get_or_insert(error);
                for same in split_by_fdinfo(group) {
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
        refused,
    }
}

/// Every descriptor of a process, without those that are closed meanwhile.
fn descriptors(pid: i32) -> Result<Vec<Seen>, Error> {
    let command = process::name(pid);
    let mut all = Vec::new();
    for fd in process::descriptors(pid)? {
        let seen = process::target(pid, fd).and_then(|target| Ok((target, fdinfo::read(pid, fd)?)));
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
            Err(error) if means_absent(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// Whether a reader of /proc says that the process or the descriptor is no more.
fn means_absent(error: &Error) -> bool {
    matches!(error.errno, Errno::ENOENT | Errno::ESRCH)
}

/// Whether kcmp says that a descriptor is closed, which it says of a process that has exited, too.
fn means_closed(error: &Error) -> bool {
    means_absent(error) || error.errno == Errno::EBADF
}

/// What kcmp is asked within.
fn key(seen: &Seen) -> Key {
    let info = &seen.info;
    (seen.target.inode, info.mount, info.eventfd_id)
}

/// Splits descriptors of equal keys by description. A socket has one description for life, so its
/// inode says it all; the others are put in kcmp's order, in which the same stand together. Where
/// kcmp is refused, the descriptors come back with its error.
fn split_by_kcmp(group: Vec<Seen>) -> Result<Vec<Vec<Seen>>, (Error, Vec<Seen>)> {
    if group
        .iter()
        .all(|seen| seen.target.link.as_encoded_bytes().starts_with(b"socket:"))
    {
        return Ok(vec![group]);
    }
    let mut group = VecDeque::from(group);
    let mut split: Vec<Vec<Seen>> = Vec::new();
    while let Some(seen) = group.pop_front() {
        match place(&mut split, &seen) {
            Ok(Some(Place::Same(at))) => split[at].push(seen),
            Ok(Some(Place::New(at))) => split.insert(at, vec![seen]),
            Ok(None) => {}
            Err(error) => {
                group.push_front(seen);
                return Err((error, split.into_iter().flatten().chain(group).collect()));
            }
        }
    }
    Ok(split)
}

/// Where a descriptor belongs in kcmp's order.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// In the group at this index.
    Same(usize),
    /// In a group of its own, before this index.
    New(usize),
}

/// Finds the place of `seen` by binary search; none if it has been closed. If the member
/// that represents a group has been closed, it is dropped, and the next member is compared.
fn place(split: &mut Vec<Vec<Seen>>, seen: &Seen) -> Result<Option<Place>, Error> {
    let (mut low, mut high) = (0, split.len());
    while low < high {
        let middle = low.midpoint(high);
        match kcmp::descriptions(split[middle][0].number(), seen.number()) {
            Ok(Ordering::Equal) => return Ok(Some(Place::Same(middle))),
            Ok(Ordering::Less) => low = middle + 1,
            Ok(Ordering::Greater) => high = middle,
            Err(error) if !means_closed(&error) => return Err(error),
            Err(_) if seen.is_closed() => return Ok(None),
            Err(_) => {
                split[middle].remove(0);
                if split[middle].is_empty() {
                    split.remove(middle);
                    high -= 1;
                }
            }
        }
    }
    Ok(Some(Place::New(low)))
}

/// Splits descriptors of equal keys by what fdinfo tells of the description: what differs are two,
/// what does not may be.
fn split_by_fdinfo(group: Vec<Seen>) -> Vec<Vec<Seen>> {
    let facts = |seen: &Seen| fdinfo::FdInfo {
        close_on_exec: false,
        ..seen.info.clone()
    };
    let mut split: Vec<Vec<Seen>> = Vec::new();
    for seen in group {
        match split
            .iter_mut()
            .find(|same| facts(&same[0]) == facts(&seen))
        {
            Some(same) => same.push(seen),
            None => split.push(vec![seen]),
        }
    }
    split
}

/// The description that these descriptors share; without `certain`, they may only look alike.
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
        // A kernel that is not Linux may show none.
        offset: first.info.pos.unwrap_or(0),
        access: observe::fdinfo::access_mode(first.info.status_flags),
        status_flags: first.info.status_flags,
        certain,
        watches: watches.iter().enumerate().map(watch).collect(),
        holders: same.into_iter().map(|seen| seen.holder).collect(),
    }
}

/// Whether no holder of an epoll instance has the very description that it watches as `fd` open
/// under that number; unknown where kcmp is refused, and where no holder is left to be asked.
fn is_ghost(epoll: &[Seen], fd: i32, nth: u32) -> Option<bool> {
    let mut asked = false;
    for seen in epoll {
        let (pid, instance) = seen.number();
        match kcmp::registration(pid, fd, instance, fd, nth) {
            Ok(order) if order.is_eq() => return Some(false),
            Ok(_) => asked = true,
            // The closed number may be that of the watched descriptor or of the epoll instance.
            Err(error) if error.errno == Errno::EBADF => asked |= !seen.is_closed(),
            Err(error) if means_absent(&error) => {}
            Err(_) => return None,
        }
    }
    asked.then_some(true)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs::File;
    use std::os::fd::AsRawFd;
    use std::process::Command;

    use anyhow::Result;
    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
    use nix::sys::eventfd::EventFd;

    use super::*;

    fn look_at(pid: i32, file: &impl AsRawFd) -> Result<Seen> {
        let (own, fd) = (std::process::id() as i32, file.as_raw_fd());
        Ok(Seen {
            holder: Holder {
                pid,
                command: OsString::new(),
                fd,
                close_on_exec: true,
            },
            target: process::target(own, fd)?,
            info: fdinfo::read(own, fd)?,
        })
    }

    /// The number of a process that has exited.
    #[expect(clippy::disallowed_methods, reason = "a process that has exited")]
    fn exited_process() -> Result<i32> {
        let mut child = Command::new("true").spawn()?;
        child.wait()?;
        Ok(child.id() as i32)
    }

    #[test]
    fn a_holder_that_is_gone_stands_for_nobody() -> Result<()> {
        let (own, exited) = (std::process::id() as i32, exited_process()?);
        let file = File::open("/proc/self/exe")?;
        let duplicate = file.try_clone()?;
        let mut split = vec![vec![look_at(exited, &file)?, look_at(own, &file)?]];
        let placed = place(&mut split, &look_at(own, &duplicate)?)?;
        assert_eq!(placed, Some(Place::Same(0)), "the one behind it is asked");
        assert_eq!(split[0].len(), 1);
        assert_eq!(place(&mut split, &look_at(exited, &file)?)?, None);
        let mut split = vec![vec![look_at(exited, &file)?]];
        assert_eq!(
            place(&mut split, &look_at(own, &file)?)?,
            Some(Place::New(0))
        );
        assert!(split.is_empty());
        Ok(())
    }

    #[test]
    fn without_a_holder_nobody_knows_a_ghost() -> Result<()> {
        let (own, exited) = (std::process::id() as i32, exited_process()?);
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let watched = EventFd::new()?;
        epoll.add(&watched, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        let fd = watched.as_raw_fd();
        assert_eq!(is_ghost(&[look_at(own, &epoll.0)?], fd, 0), Some(false));
        assert_eq!(is_ghost(&[look_at(exited, &epoll.0)?], fd, 0), None);
        Ok(())
    }
}
