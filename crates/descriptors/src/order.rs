//! Groups put in kcmp's order, in which the same stand together, and the answer looked at again.

use std::cmp::Ordering;
use std::iter::Peekable;

use observe::kcmp;

use crate::gather::{Gathered, Group, Place};

/// Sorts groups of one key, and joins those that are one description. `Err` gives them back, in
/// any order and joined as it came, where an answer contradicts another: some of them were closed
/// or opened anew meanwhile, and nothing can be said.
///
/// A binary search beside a process that reuses its numbers goes astray, and what never moved
/// would be torn apart or joined with others. So each neighbour is asked about again, each group is
/// closed to a ring, and every group is compared with the next but one: of a wrong answer at least
/// one comparison is between descriptors that did not move.
pub(crate) fn sort(gathered: &Gathered, groups: Vec<Group>) -> Result<Vec<Group>, Vec<Group>> {
    let mut kernel = Kernel {
        gathered,
        contradicts: false,
    };
    let mut runs: Vec<Vec<Group>> = groups.into_iter().map(|group| vec![group]).collect();
    while runs.len() > 1 {
        let mut pairs = runs.into_iter();
        let mut longer = Vec::with_capacity(pairs.len().div_ceil(2));
        while let Some(left) = pairs.next() {
            longer.push(kernel.merge(left, pairs.next().unwrap_or_default()));
        }
        runs = longer;
    }
    let sorted = runs.pop().unwrap_or_default();
    if !kernel.contradicts && kernel.confirms(&sorted) {
        Ok(sorted)
    } else {
        Err(sorted)
    }
}

struct Kernel<'a> {
    gathered: &'a Gathered,
    /// Whether a comparison failed, as it does where a descriptor has been closed.
    contradicts: bool,
}

impl Kernel<'_> {
    fn order(&mut self, a: Place, b: Place) -> Ordering {
        let (a, b) = (self.gathered.number(a), self.gathered.number(b));
        kcmp::descriptions(a, b).unwrap_or_else(|_| {
            self.contradicts = true;
            Ordering::Less
        })
    }

    fn merge(&mut self, left: Vec<Group>, right: Vec<Group>) -> Vec<Group> {
        let mut merged = Vec::with_capacity(left.len() + right.len());
        let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            match self.order(a.members[0], b.members[0]) {
                Ordering::Less => merged.extend(left.next()),
                Ordering::Greater => merged.extend(right.next()),
                Ordering::Equal => merged.extend(join(&mut left, &mut right)),
            }
        }
        merged.extend(left);
        merged.extend(right);
        merged
    }

    /// Whether the kernel says of the sorted groups once more what it said before.
    fn confirms(&mut self, sorted: &[Group]) -> bool {
        let rings = sorted.iter().all(|group| self.is_ring(&group.members));
        let mut is_before = |a: &Group, b: &Group| {
            let (last, first) = (a.members[a.members.len() - 1], b.members[0]);
            self.order(last, first) == Ordering::Less
        };
        let pairs = sorted.windows(2).all(|pair| is_before(&pair[0], &pair[1]));
        let next_but_one = sorted
            .windows(3)
            .all(|three| is_before(&three[0], &three[2]));
        rings && pairs && next_but_one && !self.contradicts
    }

    fn is_ring(&mut self, members: &[Place]) -> bool {
        let mut is_same = |a, b| self.order(a, b) == Ordering::Equal;
        let neighbours = members.windows(2).all(|pair| is_same(pair[0], pair[1]));
        neighbours && (members.len() < 3 || is_same(members[members.len() - 1], members[0]))
    }
}

fn join(
    left: &mut Peekable<std::vec::IntoIter<Group>>,
    right: &mut Peekable<std::vec::IntoIter<Group>>,
) -> Option<Group> {
    let mut group = left.next()?;
    group.members.extend(right.next()?.members);
    Some(group)
}
