//! Reads the descriptor tables of some processes. A descriptor that turns out to be the same as the
//! one under its number in the parent needs no more: fdinfo is read once per description.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::sync::Arc;

use nix::errno::Errno;
use observe::descriptor_table::DescriptorTable;
use observe::{Error, kcmp, process, status};

use crate::facts::Facts;
use crate::mounts::Mounts;
use crate::{Denied, Holder, Options, Unreadable};

/// A descriptor table: that of a process, or of a thread that has one of its own.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) pid: i32,
    pub(crate) tid: Option<i32>,
    pub(crate) command: Arc<OsStr>,
}

impl Table {
    /// The number by which system calls know whose table is meant.
    pub(crate) fn task(&self) -> i32 {
        self.tid.unwrap_or(self.pid)
    }

    /// # Errors
    /// As [`DescriptorTable::open`].
    pub(crate) fn open(&self) -> Result<DescriptorTable, Error> {
        DescriptorTable::open(self.pid, self.tid)
    }
}

/// A descriptor, by its table's place among all and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) table: usize,
    pub(crate) fd: i32,
    pub(crate) close_on_exec: Option<bool>,
}

/// Descriptors that are taken for one description, and what is known of the first of them.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) facts: Facts,
    pub(crate) members: Vec<Place>,
}

/// All that was read.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) tables: Vec<Table>,
    pub(crate) groups: Vec<Group>,
    pub(crate) mounts: Mounts,
    pub(crate) unreadable: Vec<Unreadable>,
    pub(crate) denied: Vec<Denied>,
}

/// Which group has a number in which table, and in the table that was read last.
#[derive(Default)]
struct Hints {
    by_task: HashMap<i32, HashMap<i32, usize>>,
    latest: HashMap<i32, usize>,
}

/// Reads the tables of `pids`, each once. With `compare`, descriptors are compared with those that
/// they may have been inherited from.
pub(crate) fn gather(pids: &[i32], options: &Options, compare: bool) -> Gathered {
    let mut gathered = Gathered::default();
    let mut hints = Hints::default();
    for pid in pids.iter().copied().collect::<BTreeSet<i32>>() {
        gathered.mounts.add(pid);
        let status = status::read(pid).unwrap_or_default();
        let command: Arc<OsStr> = process::name(pid).into();
        for tid in tables_of(pid, status.threads, compare) {
            let table = Table {
                pid,
                tid,
                command: Arc::clone(&command),
            };
            let parent = if tid.is_some() { pid } else { status.parent };
            let hints = compare.then_some((&mut hints, parent));
            if let Err(why) = gathered.add(table, hints, options.close_on_exec)
                && !means_absent(&why)
            {
                gathered.denied.push(Denied {
                    pid,
                    tid,
                    command: Arc::clone(&command),
                    descriptors: process::count_descriptors(pid).unwrap_or(0),
                    why,
                });
            }
        }
    }
    gathered
}

/// The threads of a process whose tables differ, none standing for the process itself.
fn tables_of(pid: i32, threads: u64, compare: bool) -> Vec<Option<i32>> {
    let mut tables = vec![None];
    if threads < 2 || !compare {
        return tables;
    }
    for tid in process::threads(pid).unwrap_or_default() {
        let is_known = |known: &Option<i32>| {
            // A thread that has ended, or may not be asked about, is no table to be read.
            kcmp::tables(known.unwrap_or(pid), tid).map_or(true, |order| order.is_eq())
        };
        if tid != pid && !tables.iter().any(is_known) {
            tables.push(Some(tid));
        }
    }
    tables
}

impl Gathered {
    fn add(
        &mut self,
        table: Table,
        mut hints: Option<(&mut Hints, i32)>,
        close_on_exec: bool,
    ) -> Result<(), Error> {
        let files = table.open()?;
        let numbers = files.numbers()?;
        self.tables.push(table);
        let at = self.tables.len() - 1;
        let unreadable = self.unreadable.len();
        let mut own = HashMap::new();
        for fd in numbers {
            let place = Place {
                table: at,
                fd,
                close_on_exec: None,
            };
            let hint = hints
                .as_ref()
                .and_then(|(hints, parent)| hints.group(*parent, fd));
            let group = match hint.filter(|&group| self.is_same(group, place)) {
                Some(group) => {
                    let flag = close_on_exec.then(|| files.info(fd).ok()).flatten();
                    self.groups[group].members.push(Place {
                        close_on_exec: flag.map(|info| info.close_on_exec),
                        ..place
                    });
                    Some(group)
                }
                None => self.read(&files, place),
            };
            own.extend(group.map(|group| (fd, group)));
        }
        let is_refusal = |it: &Unreadable| matches!(it.why.errno, Errno::EACCES | Errno::EPERM);
        if own.is_empty() && self.unreadable[unreadable..].iter().all(is_refusal) {
            // The numbers may be listed, and nothing else: the process as a whole is refused.
            let refused = self.unreadable.drain(unreadable..).next();
            return refused.map_or(Ok(()), |it| Err(it.why));
        }
        if let Some((hints, _)) = &mut hints {
            hints.latest.extend(&own);
            hints.by_task.insert(self.tables[at].task(), own);
        }
        Ok(())
    }

    /// Reads a descriptor into a group of its own, whose place is returned.
    fn read(&mut self, files: &DescriptorTable, place: Place) -> Option<usize> {
        match Facts::read(files, place.fd, &self.mounts) {
            Ok(facts) => {
                let close_on_exec = Some(facts.info.close_on_exec);
                self.groups.push(Group {
                    facts,
                    members: vec![Place {
                        close_on_exec,
                        ..place
                    }],
                });
                Some(self.groups.len() - 1)
            }
            Err(why) => {
                if !means_absent(&why) {
                    let holder = self.holder(place);
                    self.unreadable.push(Unreadable { holder, why });
                }
                None
            }
        }
    }

    /// Whether the descriptor is one description with the first of a group.
    fn is_same(&self, group: usize, place: Place) -> bool {
        let first = self.groups[group].members[0];
        kcmp::descriptions(self.number(first), self.number(place)).is_ok_and(|order| order.is_eq())
    }

    /// A descriptor as kcmp(2) takes it.
    pub(crate) fn number(&self, place: Place) -> (i32, i32) {
        (self.tables[place.table].task(), place.fd)
    }

    /// A descriptor as the map shows it.
    pub(crate) fn holder(&self, place: Place) -> Holder {
        let Table { pid, tid, command } = &self.tables[place.table];
        Holder {
            pid: *pid,
            tid: *tid,
            command: Arc::clone(command),
            fd: place.fd,
            close_on_exec: place.close_on_exec,
        }
    }
}

impl Hints {
    fn group(&self, parent: i32, fd: i32) -> Option<usize> {
        let inherited = self.by_task.get(&parent).and_then(|table| table.get(&fd));
        inherited.or_else(|| self.latest.get(&fd)).copied()
    }
}

/// Whether a reader of /proc says that the process or the descriptor is no more.
pub(crate) fn means_absent(error: &Error) -> bool {
    matches!(error.errno, Errno::ENOENT | Errno::ESRCH)
}
