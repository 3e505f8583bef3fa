//! The holes of an arena in address order, in a B-tree that knows the longest hole below each entry.
//!
//! An entry of an inner node names the lowest start and the longest hole below its child. One descent
//! then finds the lowest hole that is long enough, which the linear scan finds hole by hole, and one
//! more finds the neighbours of a block that is freed: both O(log n).

mod node;
mod tree;

use super::Extent;
use node::Entry;
use tree::Tree;

/// The free runs of an arena, never adjacent to each other.
pub struct Holes {
    tree: Tree,
    count: usize,
    total: u64,
}

impl Holes {
    /// One hole from 0 to `arena`, or none when the arena is empty.
    pub fn new(arena: u64) -> Self {
        let mut holes = Holes {
            tree: Tree::new(),
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
        self.tree.widest()
    }

    /// End of the highest byte in use, in an arena of `arena` bytes.
    pub fn footprint(&self, arena: u64) -> u64 {
        match self.tree.highest() {
            Some(last) if last.start + last.widest == arena => last.start,
            _ => arena,
        }
    }

    /// Cuts `size` bytes off the front of the lowest hole that has them and starts at `from` or later;
    /// returns the offset of the first of them.
    pub fn take_first(&mut self, size: u64, from: u64) -> Option<u64> {
        self.tree.locate_fitting(size, from).then(|| self.cut(size))
    }

    /// Cuts `size` bytes off the front of the longest hole, of equal holes the lowest; returns the offset
    /// of the first of them.
    pub fn take_widest(&mut self, size: u64) -> Option<u64> {
        let widest = self.widest();
        let there = widest >= size && widest > 0 && self.tree.locate_fitting(widest, 0);
        there.then(|| self.cut(size))
    }

    /// Gives `start .. start + len` back and joins it with the holes on either side.
    pub fn release(&mut self, start: u64, len: u64) {
        let tree = &mut self.tree;
        tree.locate(start);
        let (found, at) = tree.here();
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
            tree.lowest_of_next_leaf(start + len).map(extent)
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
                self.count += 1;
                tree.go_to(next);
                tree.insert(entry);
            }
            (Some(_), None) => tree.replace(entry),
            (None, Some(_)) if same_leaf => {
                tree.go_to(next);
                tree.replace(entry);
            }
            (None, Some(hole)) => {
                tree.locate(hole.start);
                tree.replace(entry);
            }
            (Some(_), Some(_)) if same_leaf => {
                self.count -= 1;
                tree.replace(entry);
                tree.go_to(next);
                tree.remove();
            }
            (Some(before), Some(hole)) => {
                self.count -= 1;
                tree.locate(hole.start);
                tree.remove();
                tree.locate(before.start);
                tree.replace(entry);
            }
        }
    }

    /// Shortens the hole at the end of the path from the front; removes it when nothing is left.
    fn cut(&mut self, size: u64) -> u64 {
        let (leaf, at) = self.tree.here();
        let Entry { start, widest, .. } = leaf.get(at);
        self.total -= size;
        if widest == size {
            self.count -= 1;
            self.tree.remove();
        } else {
            self.tree.replace(Entry {
                start: start + size,
                widest: widest - size,
                child: 0,
            });
        }
        start
    }
}
