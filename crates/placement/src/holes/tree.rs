//! A B-tree of entries in address order, each inner one of which knows the longest below it.
//!
//! It is looked at and changed where its path ends: [`Tree::locate`] and the two searches set the path,
//! and what is changed there is told to the entries above it.

use super::node::{Entry, FULL, Node};

/// Entries in address order, those of the leaves being the holes.
pub struct Tree {
    nodes: Vec<Node>,
    spare: Vec<u32>,
    root: u32,
    /// Levels above the leaves.
    height: usize,
    /// The way from the root to the entry last looked at: node and place in it, a pair a level.
    path: Vec<(u32, usize)>,
}

impl Tree {
    /// A tree without entries.
    pub fn new() -> Self {
        Tree {
            nodes: vec![Node::default()],
            spare: Vec::new(),
            root: 0,
            height: 0,
            path: Vec::new(),
        }
    }

    /// The greatest length, 0 without any entry.
    pub fn widest(&self) -> u64 {
        self.node(self.root).widest()
    }

    /// The entry that starts last.
    pub fn highest(&self) -> Option<Entry> {
        let mut node = self.node(self.root);
        for _ in 0..self.height {
            node = self.node(node.get(node.count() - 1).child);
        }
        node.count().checked_sub(1).map(|last| node.get(last))
    }

    /// The leaf at the end of the path, and the place in it.
    pub fn here(&self) -> (&Node, usize) {
        let (leaf, at) = self.path[self.height];
        (self.node(leaf), at)
    }

    /// Moves the end of the path to another place of its leaf.
    pub fn go_to(&mut self, place: usize) {
        self.path[self.height].1 = place;
    }

    /// Sets the path to the first entry that is at least `size`, which is not 0, long and starts at `from`
    /// or later; says whether there is one.
    pub fn locate_fitting(&mut self, size: u64, from: u64) -> bool {
        let mut place = 0;
        if from == 0 {
            self.path.clear();
            self.path.push((self.root, 0));
        } else {
            self.locate(from);
            let (leaf, at) = self.here();
            place = at + usize::from(at < leaf.count() && leaf.get(at).start < from);
        }
        // Up until something to the right is long enough, then down along the lowest that is.
        while let Some((node, _)) = self.path.pop() {
            if let Some(fits) = self.node(node).fitting(place, size) {
                self.path.push((node, fits));
                self.descend(size);
                return true;
            }
            place = self.path.last().map_or(0, |above| above.1 + 1);
        }
        false
    }

    /// Sets the path to the last entry that starts at `start` or before, or else to the first of all.
    pub fn locate(&mut self, start: u64) {
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

    /// The first entry of the leaf after the path's, if it starts at `start`.
    pub fn lowest_of_next_leaf(&self, start: u64) -> Option<Entry> {
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
        Some(entry)
    }

    /// Replaces the entry at the end of the path; its start stays between its neighbours'.
    pub fn replace(&mut self, entry: Entry) {
        let (leaf, at) = self.path[self.height];
        let was = self.node(leaf).get(at).widest;
        self.node_mut(leaf).set(at, entry);
        self.tell_above(self.height, was, entry.widest);
    }

    /// Puts `entry` where the path ends; full nodes split on the way up.
    pub fn insert(&mut self, mut entry: Entry) {
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

    /// Takes the entry at the end of the path out; nodes that run low join a neighbour on the way up.
    pub fn remove(&mut self) {
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

    fn node(&self, at: u32) -> &Node {
        &self.nodes[at as usize]
    }

    fn node_mut(&mut self, at: u32) -> &mut Node {
        &mut self.nodes[at as usize]
    }
}
