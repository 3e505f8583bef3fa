//! What epoll instances watch, and which registrations are ghosts.

use std::collections::{HashMap, HashSet};

use nix::errno::Errno;
use observe::fdinfo;
use observe::kcmp;

use crate::Watch;
use crate::facts::Facts;
use crate::gather::{Gathered, Place, means_absent};
use crate::settle::Settled;

/// Registrations of an instance up to which kcmp is asked about each: the kernel walks through all
/// of them for each question, and keeps epoll_wait(2) of the instance waiting meanwhile.
const MAX_ASKED: usize = 4096;

/// Judges registrations by what the numbers lead to now.
pub(crate) struct Watches<'a> {
    gathered: &'a Gathered,
    settled: &'a [Settled],
    /// The description of each number, in the tables that hold an epoll instance.
    numbers: HashMap<(usize, i32), usize>,
    kcmp: bool,
    every_registration: bool,
}

/// What is known of a registration by one table that holds the instance.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Alive,
    NotHere,
    Unknown,
}

impl<'a> Watches<'a> {
    pub(crate) fn new(
        gathered: &'a Gathered,
        settled: &'a [Settled],
        kcmp: bool,
        every_registration: bool,
    ) -> Watches<'a> {
        let instances = settled
            .iter()
            .filter(|it| !it.facts.info.watches.is_empty());
        let tables: HashSet<usize> = instances
            .flat_map(|it| it.members.iter().map(|place| place.table))
            .collect();
        let mut numbers = HashMap::new();
        for (at, it) in settled.iter().enumerate() {
            let places = it
                .members
                .iter()
                .filter(|place| tables.contains(&place.table));
            numbers.extend(places.map(|place| ((place.table, place.fd), at)));
        }
        Watches {
            gathered,
            settled,
            numbers,
            kcmp,
            every_registration,
        }
    }

    /// The registrations of one instance.
    pub(crate) fn of(&self, instance: &Settled) -> Vec<Watch> {
        let watches = &instance.facts.info.watches;
        let mut earlier: HashMap<i32, u32> = HashMap::new();
        let mut judge = |watch: &fdinfo::Watch| {
            let count = earlier.entry(watch.fd).or_default();
            let nth = *count;
            *count += 1;
            let ghost = self.is_ghost(instance, watch, nth);
            Watch {
                fd: watch.fd,
                events: watch.events,
                inode: watch.inode,
                ghost,
            }
        };
        let mut judged: Vec<Watch> = watches.iter().map(&mut judge).collect();
        if judged.iter().any(|watch| watch.ghost == Some(true)) {
            self.leave_out_ended(instance, &mut judged);
        }
        judged
    }

    fn is_ghost(&self, instance: &Settled, watch: &fdinfo::Watch, nth: u32) -> Option<bool> {
        let mut asked = false;
        for &holder in &instance.members {
            match self.answer(instance, holder, watch, nth) {
                Some(Answer::Alive) => return Some(false),
                Some(Answer::NotHere) => asked = true,
                Some(Answer::Unknown) => return None,
                None => {}
            }
        }
        asked.then_some(true)
    }

    /// None where the holder has closed the instance or ended.
    fn answer(
        &self,
        instance: &Settled,
        holder: Place,
        watch: &fdinfo::Watch,
        nth: u32,
    ) -> Option<Answer> {
        let seen = self.numbers.get(&(holder.table, watch.fd));
        if let Some(facts) = seen.map(|&at| &self.settled[at].facts)
            && self.agrees(facts, watch)
        {
            return self.compare(instance, facts, holder, watch, nth);
        }
        // It may have been opened since the table was read.
        let table = self.gathered.tables[holder.table].open().ok()?;
        table.info(holder.fd).ok()?;
        match Facts::read(&table, watch.fd, &self.gathered.mounts) {
            Ok(facts) if self.agrees(&facts, watch) => {
                self.compare(instance, &facts, holder, watch, nth)
            }
            Err(error) if !means_absent(&error) => Some(Answer::Unknown),
            _ => Some(Answer::NotHere),
        }
    }

    /// Whether the number leads to an inode like that which is watched.
    fn agrees(&self, facts: &Facts, watch: &fdinfo::Watch) -> bool {
        facts.info.inode.is_none_or(|inode| inode == watch.inode)
            && facts.device.is_none_or(|device| device == watch.device)
            // epoll_ctl(2) takes none.
            && !facts.is_o_path()
    }

    /// Whether the number leads to the very description.
    fn compare(
        &self,
        instance: &Settled,
        facts: &Facts,
        holder: Place,
        watch: &fdinfo::Watch,
        nth: u32,
    ) -> Option<Answer> {
        if facts.is_socket() && facts.info.inode.is_some() {
            return Some(Answer::Alive);
        }
        let is_many = instance.facts.info.watches.len() > MAX_ASKED;
        if !self.kcmp || is_many && !self.every_registration {
            return Some(Answer::Unknown);
        }
        let (task, epoll) = self.gathered.number(holder);
        match kcmp::registration(task, watch.fd, epoll, watch.fd, nth) {
            Ok(order) if order.is_eq() => Some(Answer::Alive),
            Ok(_) => Some(Answer::NotHere),
            // The closed number may be that of the watched descriptor or of the instance.
            Err(error) if error.errno == Errno::EBADF => {
                let table = self.gathered.tables[holder.table].open().ok()?;
                table.info(epoll).ok().map(|_| Answer::NotHere)
            }
            Err(error) if means_absent(&error) => None,
            Err(_) => Some(Answer::Unknown),
        }
    }

    /// Leaves out the would-be ghosts that the instance does not have any more: they were removed
    /// while their numbers were looked at.
    fn leave_out_ended(&self, instance: &Settled, judged: &mut Vec<Watch>) {
        let read = |place: &Place| self.gathered.tables[place.table].open()?.info(place.fd);
        let again = instance.members.iter().find_map(|place| read(place).ok());
        let Some(again) = again else { return };
        let still: HashSet<(i32, u64)> = again
            .watches
            .iter()
            .map(|watch| (watch.fd, watch.inode))
            .collect();
        judged
            .retain(|watch| watch.ghost != Some(true) || still.contains(&(watch.fd, watch.inode)));
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::process::Command;

    use anyhow::Result;
    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
    use nix::sys::eventfd::EventFd;

    use super::*;
    use crate::gather::gather;
    use crate::settle::settle;
    use crate::{Options, gather};

    /// The number of a process that has exited.
    #[expect(clippy::disallowed_methods, reason = "a process that has exited")]
    fn exited_process() -> Result<i32> {
        let mut child = Command::new("true").spawn()?;
        child.wait()?;
        Ok(child.id() as i32)
    }

    #[test]
    fn without_a_holder_nobody_knows_a_ghost() -> Result<()> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let watched = EventFd::new()?;
        epoll.add(&watched, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        let options = Options::default();
        let mut gathered = gather(&[std::process::id() as i32], &options, true);
        let settled = settle(&mut gathered, true);
        let number = epoll.0.as_raw_fd();
        let has = |it: &&Settled| it.members.iter().any(|place| place.fd == number);
        let instance = settled.iter().find(has);
        let ghosts = |gathered: &Gathered| -> Vec<Option<bool>> {
            let watches = Watches::new(gathered, &settled, true, false);
            let watches = instance.map(|it| watches.of(it)).unwrap_or_default();
            watches.iter().map(|watch| watch.ghost).collect()
        };
        assert_eq!(ghosts(&gathered), [Some(false)]);
        let exited = exited_process()?;
        gathered.tables = gathered
            .tables
            .into_iter()
            .map(|table| gather::Table {
                pid: exited,
                ..table
            })
            .collect();
        assert_eq!(ghosts(&gathered), [None]);
        Ok(())
    }
}
