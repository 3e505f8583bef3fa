//! A B-tree of entries in address order, whose inner nodes know the greatest length below each
//! child.
//!
//! The tree is read and changed where its path ends. [`Tree::locate`] and [`Tree::locate_fitting`]
//! set the path; each change there is carried to the entries above it.

use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use super::node::{CAPACITY, Entry, Node};

/// Entries in address order; those of the leaves are the holes.
#[derive(Debug, Clone)]
pub struct Tree {
    nodes: Vec<Node>,
    /// Numbers of nodes that are not in use.
    spare: Vec<u32>,
    root: u32,
    /// Levels above the leaves.
    height: usize,
    /// The way from the root to the entry looked at last: for each level a node and a place in it.
    path: Vec<(u32, usize)>,
}

/// What happened to the lengths of a node's entries.
#[derive(Clone, Copy)]
enum Change {
    /// One entry's length went from `old` to `new`. A length is 0 where the entry did not exist
    /// before, or does not exist any more.
    Entry { old: u64, new: u64 },
    /// Two entries changed: the maximum has to be computed again.
    Several,
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
    pub fn longest(&self) -> u64 {
        self.node(self.root).longest()
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
    pub fn leaf(&self) -> (&Node, usize) {
        let (leaf, at) = self.path[self.height];
        (self.node(leaf), at)
    }

    /// Moves the end of the path to another place of its leaf.
    pub fn set_place(&mut self, place: usize) {
        self.path[self.height].1 = place;
    }

    /// Sets the path to the first entry that starts at `from` or later and whose length is at least
    /// `size`, which is not 0; says whether there is one.
    pub fn locate_fitting(&mut self, size: u64, from: u64) -> bool {
        let mut place = 0;
        if from == 0 {
            self.path.clear();
            self.path.push((self.root, 0));
        } else {
            self.locate(from);
            let (leaf, at) = self.leaf();
            place = at + usize::from(at < leaf.count() && leaf.get(at).start < from);
        }
        // Up until an entry to the right is long enough, then down to the lowest hole below it.
        while let Some((node, _)) = self.path.pop() {
            if let Some(fits) = self.node(node).first_fitting(place, size) {
                self.path.push((node, fits));
                self.descend(size);
                return true;
            }
            place = self.path.last().map_or(0, |parent| parent.1 + 1);
        }
        false
    }

    /// Sets the path to the last entry that starts at `start` or before, or else to the first of
    /// all.
    pub fn locate(&mut self, start: u64) {
        self.path.clear();
        let mut at = self.root;
        for level in 0..=self.height {
            let node = self.node(at);
            let place = node.count_up_to(start).saturating_sub(1);
            let child = node.get(place).child;
            self.path.push((at, place));
            if level < self.height {
                at = child;
            }
        }
    }

    /// The first entry of the leaf after the path's, if it starts at `start`.
    pub fn first_of_next_leaf(&self, start: u64) -> Option<Entry> {
        let ancestors = self.path[..self.height].iter().rev();
        let has_next = |&&(at, place): &&(u32, usize)| place + 1 < self.node(at).count();
        let &(at, place) = ancestors.clone().find(has_next)?;
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
        let old = self.node(leaf).get(at).longest;
        self.node_mut(leaf).set(at, entry);
        let new = entry.longest;
        self.propagate(self.height, Change::Entry { old, new });
    }

    /// Puts `entry` where the path ends. A full node splits, which adds an entry to its parent.
    pub fn insert(&mut self, mut entry: Entry) {
        for level in (0..=self.height).rev() {
            let (at, place) = self.path[level];
            if self.node(at).count() < CAPACITY {
                self.node_mut(at).insert(place, entry);
                let change = if level == self.height {
                    let new = entry.longest;
                    Change::Entry { old: 0, new }
                } else {
                    // Inner node: a child split, so that the entry beside the new one changed, too.
                    Change::Several
                };
                self.propagate(level, change);
                return;
            }
            let mut upper = self.node_mut(at).split();
            match place.checked_sub(CAPACITY / 2) {
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
                self.grow(lower, entry);
            }
        }
    }

    /// Removes the entry at the end of the path. A node with few entries left joins a neighbour,
    /// which removes an entry of its parent.
    pub fn remove(&mut self) {
        for level in (0..=self.height).rev() {
            let (at, place) = self.path[level];
            let change = if level == self.height {
                let old = self.node(at).get(place).longest;
                Change::Entry { old, new: 0 }
            } else {
                // Inner node: two children became one, so that the entry beside it changed, too.
                Change::Several
            };
            self.node_mut(at).remove(place);
            let count = self.node(at).count();
            if level == 0 {
                break;
            }
            let (parent, place) = self.path[level - 1];
            if count == 0 {
                self.spare.push(at);
                continue;
            }
            if count > CAPACITY / 4 || !self.join_neighbour(level, parent, place) {
                self.propagate(level, change);
                break;
            }
        }
        while self.height > 0 && self.node(self.root).count() == 1 {
            self.spare.push(self.root);
            self.root = self.node(self.root).get(0).child;
            self.height -= 1;
        }
    }

    /// Puts a new root above the two halves of the old one.
    fn grow(&mut self, lower: Entry, upper: Entry) {
        let mut root = Node::default();
        root.insert(0, lower);
        root.insert(1, upper);
        self.root = self.add(root);
        self.height += 1;
    }

    /// Extends the path down to a leaf, at each level to the lowest entry that has `size`.
    fn descend(&mut self, size: u64) {
        while self.path.len() <= self.height {
            let (at, place) = self.path[self.path.len() - 1];
            let child = self.node(at).get(place).child;
            // The entry above has the maximum of this node: one of its entries is long enough.
            let fits = self.node(child).first_fitting(0, size).unwrap_or_default();
            self.path.push((child, fits));
        }
    }

    /// Joins the child at `place` of `parent` with the one before or after it, if the two together
    /// are small. The path then points to the parent's entry that has to be removed.
    fn join_neighbour(&mut self, level: usize, parent: u32, place: usize) -> bool {
        for lower in [place.checked_sub(1), Some(place)].into_iter().flatten() {
            if lower + 1 >= self.node(parent).count() {
                continue;
            }
            let (left, right) = (
                self.node(parent).get(lower).child,
                self.node(parent).get(lower + 1).child,
            );
            if self.node(left).count() + self.node(right).count() > CAPACITY * 3 / 4 {
                continue;
            }
            let upper = mem::take(self.node_mut(right));
            self.node_mut(left).append(&upper);
            self.spare.push(right);
            let summary = self.node(left).summary(left);
            self.node_mut(parent).set(lower, summary);
            self.path[level - 1].1 = lower + 1;
            return true;
        }
        false
    }

    /// Carries a change in the node at `level` of the path to the entries above it, up to the first
    /// ancestor that keeps its entry. A node's maximum is computed again only where the entry that
    /// held it shrank, or several changed.
    fn propagate(&mut self, level: usize, mut change: Change) {
        for level in (0..level).rev() {
            let (parent, place) = self.path[level];
            let child = self.path[level + 1].0;
            let before = self.node(parent).get(place);
            let below = self.node(child);
            let longest = match change {
                Change::Several => below.longest(),
                Change::Entry { new, .. } if new >= before.longest => new,
                Change::Entry { old, .. } if old < before.longest => before.longest,
                Change::Entry { .. } => below.longest(),
            };
            let after = Entry {
                start: below.get(0).start,
                longest,
                child,
            };
            if after == before {
                break;
            }
            self.node_mut(parent).set(place, after);
            change = Change::Entry {
                old: before.longest,
                new: longest,
            };
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
