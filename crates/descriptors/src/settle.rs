//! From groups that were read to descriptions: what agrees in its key is compared, by the best way
//! that the kernel allows.

use std::collections::BTreeMap;

use observe::Error;
use observe::descriptor_table::DescriptorTable;

use crate::copies::{self, Comparison};
use crate::facts::{Facts, Key};
use crate::gather::{Gathered, Group, Place};
use crate::{Hidden, order};

/// A description, as far as it is known.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) facts: Facts,
    pub(crate) members: Vec<Place>,
    /// See [`crate::Description::certain`].
    pub(crate) certain: bool,
    /// See [`crate::Description::hidden`].
    pub(crate) hidden: Option<Hidden>,
}

type ByKey = BTreeMap<Key, Vec<Group>>;

/// Settles all groups of `gathered`. With `kcmp`, descriptors that stand still are compared where
/// they are; those that move, and all where kcmp is refused, are compared by copies.
pub(crate) fn settle(gathered: &mut Gathered, kcmp: bool) -> Vec<Settled> {
    let mut settled = Vec::new();
    let mut moving = ByKey::new();
    let buckets = by_key(std::mem::take(&mut gathered.groups));
    let mut opened = Opened {
        gathered,
        table: None,
    };
    for (key, groups) in buckets {
        match at_once(&mut opened, &key, groups, kcmp) {
            Ok(known) => settled.extend(known),
            Err(groups) => {
                moving.insert(key, groups);
            }
        }
    }
    let comparison = match kcmp {
        true => Comparison::Kcmp,
        false => Comparison::Query,
    };
    if kcmp {
        moving = read_anew(gathered, moving, &mut settled);
    }
    for (key, groups) in moving {
        let compared = copies::compare(gathered, &key, groups, comparison);
        settled.extend(compared.known);
        settled.extend(alike(compared.unknown));
    }
    settled
}

fn by_key(groups: Vec<Group>) -> ByKey {
    let mut buckets = ByKey::new();
    for group in groups {
        buckets.entry(group.facts.key()).or_default().push(group);
    }
    buckets
}

/// What can be said of the groups of one key while nothing moves. `Err` gives them back.
fn at_once(
    opened: &mut Opened<'_>,
    key: &Key,
    groups: Vec<Group>,
    kcmp: bool,
) -> Result<Vec<Settled>, Vec<Group>> {
    let is_alone = |group: &Group| group.members.len() == 1;
    if (groups.len() == 1 || groups[0].facts.is_socket()) && groups.iter().all(is_alone) {
        return Ok(join_all(groups).into_iter().collect());
    }
    // Who was compared with the first of a group was not read: that may have moved before.
    let is_of_key = |group: &Group| is_alone(group) || last_has_key(opened, group, key);
    if !kcmp || !groups.iter().all(is_of_key) {
        return Err(groups);
    }
    let sorted = order::sort(opened.gathered, groups)?;
    Ok(sorted.into_iter().map(|group| known(group, true)).collect())
}

/// Whether the last descriptor of a group has the key of the first, by fdinfo.
fn last_has_key(opened: &mut Opened<'_>, group: &Group, key: &Key) -> bool {
    let last = group.members[group.members.len() - 1];
    let facts = opened.table(last.table).and_then(|table| {
        let info = table.info(last.fd)?;
        // A kernel whose fdinfo has no inode number tells by the link.
        let link = match info.inode {
            Some(_) => group.facts.link.clone(),
            None => table.link(last.fd),
        };
        Ok(Facts {
            link,
            info,
            ..group.facts.clone()
        })
    });
    facts.is_ok_and(|facts| facts.key() == *key)
}

/// The table that was opened last, as the next question is mostly about the same.
struct Opened<'a> {
    gathered: &'a Gathered,
    table: Option<(usize, DescriptorTable)>,
}

impl Opened<'_> {
    fn table(&mut self, at: usize) -> Result<&DescriptorTable, Error> {
        let table = match self.table.take() {
            Some((same, table)) if same == at => table,
            _ => self.gathered.tables[at].open()?,
        };
        Ok(&self.table.insert((at, table)).1)
    }
}

/// The moving groups, each descriptor read anew and by itself; which key it now has decides what it
/// is compared with. One that has come to a key where all else stood still is not certain.
fn read_anew(gathered: &Gathered, moving: ByKey, settled: &mut Vec<Settled>) -> ByKey {
    let keys: Vec<Key> = moving.keys().cloned().collect();
    let mut fresh = Vec::new();
    for place in moving
        .into_values()
        .flatten()
        .flat_map(|group| group.members)
    {
        // What has been closed meanwhile is left out.
        if let Ok(facts) = read(gathered, place) {
            let members = vec![place];
            fresh.push(Group { facts, members });
        }
    }
    let mut buckets = by_key(fresh);
    let strangers: Vec<Key> = buckets
        .keys()
        .filter(|key| keys.binary_search(key).is_err())
        .cloned()
        .collect();
    for key in strangers {
        let groups = buckets.remove(&key).unwrap_or_default();
        settled.extend(groups.into_iter().map(|group| known(group, false)));
    }
    buckets
}

fn read(gathered: &Gathered, place: Place) -> Result<Facts, Error> {
    let table = gathered.tables[place.table].open()?;
    Facts::read(&table, place.fd, &gathered.mounts)
}

/// One description of all these descriptors.
pub(crate) fn join_all(groups: Vec<Group>) -> Option<Settled> {
    let mut groups = groups.into_iter();
    let mut first = groups.next()?;
    first.members.extend(groups.flat_map(|group| group.members));
    Some(known(first, true))
}

pub(crate) fn known(group: Group, certain: bool) -> Settled {
    Settled {
        facts: group.facts,
        members: group.members,
        certain,
        hidden: None,
    }
}

/// What nothing could compare, by what fdinfo tells: what looks alike stands together.
fn alike(groups: Vec<Group>) -> Vec<Settled> {
    let mut settled: Vec<Settled> = Vec::new();
    for group in groups {
        let same = settled
            .iter_mut()
            .find(|it| it.facts.look_alike(&group.facts));
        match same {
            Some(same) => same.members.extend(group.members),
            None => settled.push(known(group, false)),
        }
    }
    settled
}
