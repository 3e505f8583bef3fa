//! The holes of an arena in address order, in a B-tree that knows the longest hole below each entry.
//!
//! An entry of an inner node names the lowest start and the longest hole below its child. One descent
//! then finds the lowest hole that is long enough, which the linear scan finds hole by hole, and one
//! more finds the neighbours of a block that is freed: both O(log n).

mod node;

use super::Extent;
use node::{Entry, FULL, Node};

/// The free runs of an arena, never adjacent to each other.
pub struct Holes {
    nodes: Vec<Node>,
    spare: Vec<u32>,
    root: u32,
    /// Levels above the leaves.
    height: usize,
    /// The way from the root to the entry last looked at: node and place in it, a pair a level.
    path: Vec<(u32, usize)>,
    count: usize,
    total: u64,
}

impl Holes {
    /// One hole from 0 to `arena`, or none when the arena is empty.
    pub fn new(arena: u64) -> Self {
        let mut holes = Holes {
            nodes: vec![Node::default()],
            spare: Vec::new(),
            root: 0,
            height: 0,
            path: Vec::new(),
            count: 0,
            total: 0,
        };
        if arena > 0 {
            holes.release(0, arena);
        }
        holes
    }

    /// How many holes there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Free bytes in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Length of the longest hole, 0 when there is none.
    pub fn widest(&self) -> u64 {
        self.node(self.root).widest()
    }

    /// End of the highest byte in use, in an arena of `arena` bytes.
    pub fn footprint(&self, arena: u64) -> u64 {
        let mut node = self.node(self.root);
        for _ in 0..self.height {
            node = self.node(node.get(node.count() - 1).child);
        }
        match node.count().checked_sub(1).map(|last| node.get(last)) {
            Some(last) if last.start + last.widest == arena => last.start,
            _ => arena,
        }
    }

    /// Cuts `size` bytes off the front of the lowest hole that has them and starts at `from` or later.
    ///
    /// Returns the hole as it was; the cut is its first `size` bytes.
    pub fn take_first(&mut self, size: u64, from: u64) -> Option<Extent> {
        let mut place = 0;
        if from == 0 {
            self.path.clear();
            self.path.push((self.root, 0));
        } else {
            self.locate(from);
            let (leaf, at) = self.last()?;
            let found = self.node(leaf);
            place = at + usize::from(at < found.count() && found.get(at).start < from);
        }
        // Up until something to the right is long enough, then down along the lowest that is.
        loop {
            let (node, _) = self.last()?;
            if let Some(fits) = self.node(node).fitting(place, size) {
                self.set_last(fits);
                break;
            }
            self.path.pop();
            place = self.last()?.1 + 1;
        }
        self.descend(size);
        self.cut(size)
    }

    /// Cuts `size` bytes off the front of the longest hole; of equal holes the lowest.
    pub fn take_widest(&mut self, size: u64) -> Option<Extent> {
        let widest = self.widest();
        if widest < size || widest == 0 {
            return None;
        }
        self.path.clear();
        let fits = self.node(self.root).fitting(0, widest)?;
        self.path.push((self.root, fits));
        self.descend(widest);
        self.cut(size)
    }

    /// Gives `start .. start + len` back and joins it with the holes on either side.
    pub fn release(&mut self, start: u64, len: u64) {
        self.locate(start);
        let (leaf, at) = self.path[self.height];
        let found = self.node(leaf);
        let is_before = at < found.count() && found.get(at).start < start;
        let extent = |entry: Entry| Extent {
            start: entry.start,
            len: entry.widest,
        };
        let before = is_before
            .then(|| extent(found.get(at)))
            .filter(|hole| hole.end() == start);
        let next = at + usize::from(is_before);
        let after = if next < found.count() {
            Some(extent(found.get(next))).filter(|hole| hole.start == start + len)
        } else {
            self.lowest_of_next_leaf(start + len)
        };
        let same_leaf = next < found.count();
        self.total += len;
        let merged = Extent {
            start: before.map_or(start, |hole| hole.start),
            len: len + before.map_or(0, |hole| hole.len) + after.map_or(0, |hole| hole.len),
        };
        let entry = Entry {
            start: merged.start,
            widest: merged.len,
            child: 0,
        };
        match (before, after) {
            (None, None) => {
                self.set_last(next);
                self.insert(entry);
            }
            (Some(_), None) => self.replace(at, entry),
            (None, Some(_)) if same_leaf => self.replace(next, entry),
            (None, Some(hole)) => {
                self.locate(hole.start);
                self.replace(self.path[self.height].1, entry);
            }
            (Some(_), Some(_)) if same_leaf => {
                self.replace(at, entry);
                self.set_last(next);
                self.remove();
            }
            (Some(before), Some(hole)) => {
                self.locate(hole.start);
                self.remove();
                self.locate(before.start);
                self.replace(self.path[self.height].1, entry);
            }
        }
    }

    /// Sets the path to the last hole that starts at `start` or before, or else to the first of all.
    fn locate(&mut self, start: u64) {
        self.path.clear();
        let mut at = self.root;
        for level in 0..=self.height {
            let node = self.node(at);
            let place = node.up_to(start).saturating_sub(1);
            let child = node.get(place).child;
            self.path.push((at, place));
            if level < self.height {
                at = child;
            }
        }
    }

    /// The hole behind the last one of the path's leaf, if it starts at `start`.
    fn lowest_of_next_leaf(&self, start: u64) -> Option<Extent> {
        let above = self.path[..self.height].iter().rev();
        let more = |&&(at, place): &&(u32, usize)| place + 1 < self.node(at).count();
        let &(at, place) = above.clone().find(more)?;
        let mut entry = self.node(at).get(place + 1);
        if entry.start != start {
            return None;
        }
        let level = self.path.iter().position(|step| step.0 == at)?;
        for _ in level..self.height {
            entry = self.node(entry.child).get(0);
        }
        Some(Extent {
            start,
            len: entry.widest,
        })
    }

    /// From the end of the path down to the leaves, each time to the lowest that has `size`.
    fn descend(&mut self, size: u64) {
        while self.path.len() <= self.height {
            let (at, place) = self.path[self.path.len() - 1];
            let child = self.node(at).get(place).child;
            // The entry above says that there is one.
            let fits = self.node(child).fitting(0, size).unwrap_or_default();
            self.path.push((child, fits));
        }
    }

    /// Shortens the hole at the end of the path from the front; removes it when nothing is left.
    fn cut(&mut self, size: u64) -> Option<Extent> {
        let (leaf, at) = self.last()?;
        let entry = self.node(leaf).get(at);
        self.total -= size;
        if entry.widest == size {
            self.remove();
        } else {
            let rest = Entry {
                start: entry.start + size,
                widest: entry.widest - size,
                child: 0,
            };
            self.replace(at, rest);
        }
        Some(Extent {
            start: entry.start,
            len: entry.widest,
        })
    }

    fn replace(&mut self, at: usize, entry: Entry) {
        let leaf = self.path[self.height].0;
        let was = self.node(leaf).get(at).widest;
        self.node_mut(leaf).set(at, entry);
        self.tell_above(self.height, was, entry.widest);
    }

    /// Puts `entry` where the path ends; full nodes split on the way up.
    fn insert(&mut self, mut entry: Entry) {
        self.count += 1;
        for level in (0..=self.height).rev() {
            let (at, place) = self.path[level];
            if self.node(at).count() < FULL {
                self.node_mut(at).insert(place, entry);
                // Above the leaves the entry beside it, half of the node that split, is another one, too.
                let was = if level == self.height { 0 } else { u64::MAX };
                self.tell_above(level, was, entry.widest);
                return;
            }
            let mut upper = self.node_mut(at).split();
            match place.checked_sub(FULL / 2) {
                Some(place) if place > 0 => upper.insert(place, entry),
                _ => self.node_mut(at).insert(place, entry),
            }
            let upper = self.add(upper);
            entry = self.node(upper).summary(upper);
            let lower = self.node(at).summary(at);
            if level > 0 {
                let (parent, place) = self.path[level - 1];
                self.node_mut(parent).set(place, lower);
                self.path[level - 1].1 = place + 1;
            } else {
                let mut root = Node::default();
                root.insert(0, lower);
                root.insert(1, entry);
                self.root = self.add(root);
                self.height += 1;
            }
        }
    }

    /// Takes the hole at the end of the path out; nodes that run low join a neighbour on the way up.
    fn remove(&mut self) {
        self.count -= 1;
        for level in (0..=self.height).rev() {
            let (at, place) = self.path[level];
            // Above the leaves the entry beside it, which took over the holes, is another one, too.
            let leaf = level == self.height;
            let was = if leaf {
                self.node(at).get(place).widest
            } else {
                u64::MAX
            };
            self.node_mut(at).remove(place);
            let count = self.node(at).count();
            if level == 0 {
                break;
            }
            let (parent, mine) = self.path[level - 1];
            if count == 0 {
                self.spare.push(at);
                continue;
            }
            if count > FULL / 4 || !self.join_neighbour(level, parent, mine) {
                self.tell_above(level, was, 0);
                break;
            }
        }
        while self.height > 0 && self.node(self.root).count() == 1 {
            self.spare.push(self.root);
            self.root = self.node(self.root).get(0).child;
            self.height -= 1;
        }
    }

    /// Joins the node at `mine` of `parent` with the one on either side, if both together are small; the
    /// path then points to the parent's entry that has to go.
    fn join_neighbour(&mut self, level: usize, parent: u32, mine: usize) -> bool {
        for lower in [mine.checked_sub(1), Some(mine)].into_iter().flatten() {
            if lower + 1 >= self.node(parent).count() {
                continue;
            }
            let (left, right) = (
                self.node(parent).get(lower).child,
                self.node(parent).get(lower + 1).child,
            );
            if self.node(left).count() + self.node(right).count() > FULL * 3 / 4 {
                continue;
            }
            let upper = std::mem::take(self.node_mut(right));
            self.node_mut(left).append(&upper);
            self.spare.push(right);
            let summary = self.node(left).summary(left);
            self.node_mut(parent).set(lower, summary);
            self.path[level - 1].1 = lower + 1;
            return true;
        }
        false
    }

    /// Brings the entries above `level` up to date after one entry there changed its length from `was` to
    /// `now`, until one stays what it was. Only where the longest shrank are all the others looked at
    /// (with `was` as `u64::MAX`: in any case).
    fn tell_above(&mut self, level: usize, mut was: u64, mut now: u64) {
        for level in (0..level).rev() {
            let (parent, place) = self.path[level];
            let child = self.path[level + 1].0;
            let old = self.node(parent).get(place);
            let below = self.node(child);
            let widest = if was == u64::MAX {
                below.widest()
            } else if now >= old.widest {
                now
            } else if was < old.widest {
                old.widest
            } else {
                below.widest()
            };
            let new = Entry {
                start: below.get(0).start,
                widest,
                child,
            };
            if new == old {
                break;
            }
            self.node_mut(parent).set(place, new);
            (was, now) = (old.widest, widest);
        }
    }

    fn add(&mut self, node: Node) -> u32 {
        if let Some(at) = self.spare.pop() {
            self.nodes[at as usize] = node;
            return at;
        }
        self.nodes.push(node);
        (self.nodes.len() - 1) as u32
    }

    fn last(&self) -> Option<(u32, usize)> {
        self.path.last().copied()
    }

    fn set_last(&mut self, place: usize) {
        if let Some(last) = self.path.last_mut() {
            last.1 = place;
        }
    }

    fn node(&self, at: u32) -> &Node {
        &self.nodes[at as usize]
    }

    fn node_mut(&mut self, at: u32) -> &mut Node {
        &mut self.nodes[at as usize]
    }
}
