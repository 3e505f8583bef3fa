//! Descriptions by their addresses in the kernel: its own iterator over all descriptors, a BPF
//! program. Who has CAP_BPF and CAP_PERFMON needs no comparison, and processes that move do not
//! matter: one address is one description.
//!
//! An address may be used again when its description has gone. So the iterator runs twice, and only
//! what a descriptor led to both times, with its name read in between, counts; the others were
//! closed or opened anew meanwhile.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::sync::Arc;

use nix::libc::{S_IFBLK, S_IFDIR, S_IFMT, S_IFREG, S_IFSOCK};
use observe::bpf::btf::Btf;
use observe::bpf::task_file::{Row, TaskFile};
use observe::descriptor_table::DescriptorTable;
use observe::fdinfo::FdInfo;
use observe::{Error, bpf, container, process};

use crate::facts::Facts;
use crate::gather::{Gathered, Place, Table, means_absent};
use crate::settle::Settled;
use crate::{Denied, Hidden, hidden};

/// The descriptors of `pids`, and the descriptions that they are.
///
/// # Errors
/// Those of [`TaskFile`]; without number in another PID namespace than the system's first, whose
/// numbers the iterator gives.
pub(crate) fn look(pids: &[i32]) -> Result<(Gathered, Vec<Settled>), Error> {
    if container::namespaces().is_none_or(|kinds| kinds.contains(&"pid")) {
        let what = "the iterator task_file gives numbers of the system's first PID namespace";
        return Err(Error::without_errno(what));
    }
    bpf::ensure_allowed()?;
    let btf = Btf::kernel()?;
    let iterator = TaskFile::of(&btf)?;
    let before = iterator.rows()?;
    let mut looked = Looked::new(before, pids);
    looked.read_names();
    let after = iterator.rows()?;
    looked.list_those_without(pids, &after);
    looked.keep_those_in(&after);
    looked.count_references(&after);
    let addresses: Vec<u64> = looked.rows.iter().map(|row| row.file).collect();
    let sockets = after.iter().filter(|row| row.mode & S_IFMT == S_IFSOCK);
    let sockets = sockets.map(|row| (row.file, row.inode)).collect();
    let Looked {
        gathered, settled, ..
    } = &mut looked;
    // A kernel before 5.12 has no iterator over mappings: they are then elsewhere.
    let _ = hidden::explain(&btf, gathered, settled, &addresses, &sockets);
    Ok((looked.gathered, looked.settled))
}

struct Looked {
    gathered: Gathered,
    settled: Vec<Settled>,
    /// Of each description its row that was first.
    rows: Vec<Row>,
}

impl Looked {
    /// Groups the rows of `pids` by address.
    fn new(rows: Vec<Row>, pids: &[i32]) -> Looked {
        let wanted: BTreeSet<i32> = pids.iter().copied().collect();
        let mut looked = Looked {
            gathered: Gathered::default(),
            settled: Vec::new(),
            rows: Vec::new(),
        };
        let mut tables: HashMap<(i32, u64), usize> = HashMap::new();
        let mut places: HashMap<u64, usize> = HashMap::new();
        for row in rows.into_iter().filter(|row| wanted.contains(&row.pid)) {
            let count = tables.len();
            let table = *tables.entry((row.pid, row.table)).or_insert(count);
            if table == count {
                looked.add_table(&row);
            }
            let known = &looked.gathered.tables[table];
            // Threads may share a table that is not the process's: it is visited for each.
            if known.task() != row.tid && known.tid.is_some() {
                continue;
            }
            let place = Place {
                table,
                fd: row.fd,
                close_on_exec: Some(row.close_on_exec),
            };
            let count = looked.settled.len();
            let at = *places.entry(row.file).or_insert(count);
            if at == count {
                looked.settled.push(settled(&row));
                looked.rows.push(row);
            }
            looked.settled[at].members.push(place);
        }
        looked
    }

    fn add_table(&mut self, row: &Row) {
        let tables = &mut self.gathered.tables;
        let same = tables.last().filter(|table| table.pid == row.pid);
        let command: Arc<OsStr> = match same {
            Some(table) => Arc::clone(&table.command),
            None => process::name(row.pid).into(),
        };
        tables.push(Table {
            pid: row.pid,
            tid: (row.tid != row.pid).then_some(row.tid),
            command,
        });
    }

    /// Reads the link of each description, and what only fdinfo tells, by its first descriptor.
    fn read_names(&mut self) {
        let mut open: Option<(usize, Result<DescriptorTable, Error>)> = None;
        for (it, row) in self.settled.iter_mut().zip(&self.rows) {
            let place = it.members[0];
            if open.as_ref().is_none_or(|(table, _)| *table != place.table) {
                open = Some((place.table, self.gathered.tables[place.table].open()));
            }
            let Some((_, files)) = &open else { continue };
            match files {
                Ok(files) => read_name(&mut it.facts, row, files, place.fd),
                Err(error) => it.facts.link = Err(error.clone()),
            }
        }
    }

    /// Lists as denied the processes that have descriptors and that the iterator does not show: a
    /// kernel may keep one for itself.
    fn list_those_without(&mut self, pids: &[i32], after: &[Row]) {
        let shown = self.gathered.tables.iter().map(|table| table.pid);
        let shown: BTreeSet<i32> = shown.chain(after.iter().map(|row| row.pid)).collect();
        for pid in pids.iter().copied().collect::<BTreeSet<i32>>() {
            let descriptors = process::count_descriptors(pid).unwrap_or(0);
            if descriptors == 0 || shown.contains(&pid) {
                continue;
            }
            let read = DescriptorTable::open(pid, None).and_then(|table| {
                let first = table.numbers()?.first().copied();
                first.map_or(Ok(()), |fd| table.info(fd).map(drop))
            });
            let hidden = || Error::without_errno("the iterator task_file does not show it");
            self.gathered.denied.push(Denied {
                pid,
                tid: None,
                command: process::name(pid).into(),
                descriptors,
                why: read.err().unwrap_or_else(hidden),
            });
        }
    }

    /// Leaves out what has been closed or opened anew since; a name that was read by such a one
    /// is read once more by another.
    fn keep_those_in(&mut self, after: &[Row]) {
        let now = after
            .iter()
            .map(|row| ((row.tid, row.pid, row.fd), row.file));
        let now: HashMap<_, _> = now.collect();
        let tables = &self.gathered.tables;
        for (it, row) in self.settled.iter_mut().zip(&self.rows) {
            let first = it.members[0];
            // Closed before its link could be read, though the address is in use again.
            let is_gone = it.facts.link.as_ref().is_err_and(means_absent);
            it.members.retain(|place| {
                if is_gone && *place == first {
                    return false;
                }
                let table = &tables[place.table];
                now.get(&(table.task(), table.pid, place.fd)) == Some(&row.file)
            });
            let Some(&place) = it.members.first() else {
                continue;
            };
            if place != first
                && let Ok(files) = tables[place.table].open()
            {
                read_name(&mut it.facts, row, &files, place.fd);
            }
        }
        let mut rows = std::mem::take(&mut self.rows);
        let mut kept = self.settled.iter().map(|it| !it.members.is_empty());
        rows.retain(|_| kept.next().unwrap_or_default());
        self.rows = rows;
        self.settled.retain(|it| !it.members.is_empty());
    }

    /// Counts the references that no descriptor of the system explains. Both looks must agree, as
    /// none is a picture of one moment.
    fn count_references(&mut self, after: &[Row]) {
        let mut descriptors: HashMap<u64, u64> = HashMap::new();
        let mut references: HashMap<u64, BTreeSet<u64>> = HashMap::new();
        let mut counted = HashSet::new();
        for row in after {
            // A table that processes share is visited for each of them.
            if counted.insert((row.table, row.fd)) {
                *descriptors.entry(row.file).or_default() += 1;
            }
            references
                .entry(row.file)
                .or_default()
                .insert(row.references);
        }
        for (it, row) in self.settled.iter_mut().zip(&self.rows) {
            let (Some(counts), Some(seen)) =
                (references.get(&row.file), descriptors.get(&row.file))
            else {
                continue;
            };
            let is_steady = counts.len() == 1 && counts.contains(&row.references);
            let references = row.references.checked_sub(*seen).filter(|_| is_steady);
            it.hidden = references.map(|references| Hidden {
                references,
                elsewhere: references,
                ..Hidden::default()
            });
        }
    }
}

/// What the row alone tells.
fn settled(row: &Row) -> Settled {
    let kind = row.mode & S_IFMT;
    Settled {
        facts: Facts {
            link: Ok("?".into()),
            device: Some(row.device),
            has_offset: Some([S_IFREG, S_IFDIR, S_IFBLK].contains(&kind)),
            info: FdInfo {
                pos: Some(row.offset),
                status_flags: row.status_flags,
                close_on_exec: row.close_on_exec,
                inode: Some(row.inode),
                ..FdInfo::default()
            },
        },
        members: Vec::new(),
        certain: true,
        hidden: None,
    }
}

/// The link, and fdinfo of what has more to tell there: a socket, and what has no kind at all, such
/// as an epoll instance.
fn read_name(facts: &mut Facts, row: &Row, files: &DescriptorTable, fd: i32) {
    facts.link = files.link(fd);
    if ![0, S_IFSOCK].contains(&(row.mode & S_IFMT)) {
        return;
    }
    if let Ok(info) = files.info(fd) {
        facts.info.eventfd_id = info.eventfd_id;
        facts.info.in_flight = info.in_flight;
        facts.info.watches = info.watches;
    }
}
