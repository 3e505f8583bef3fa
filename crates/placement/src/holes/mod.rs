//! The holes of an arena in address order, in a B-tree that knows the longest hole of each subtree.
//!
//! An entry of an inner node has the lowest start and the greatest length below its child. One
//! descent therefore finds the lowest hole that is long enough, which the linear scan finds hole by
//! hole, and another finds the neighbours of a block that is freed: both O(log n).

mod node;
mod tree;

use super::Extent;
use node::Entry;
use tree::Tree;

/// The free runs of an arena, no two of which touch.
#[derive(Debug, Clone)]
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
    pub fn longest(&self) -> u64 {
        self.tree.longest()
    }

    /// End of the highest byte in use, in an arena of `arena` bytes.
    pub fn footprint(&self, arena: u64) -> u64 {
        match self.tree.highest() {
            Some(last) if last.start + last.longest == arena => last.start,
            _ => arena,
        }
    }

    /// Takes `size` bytes from the front of the lowest hole that has them and starts at `from` or
    /// later, and returns the offset of the first of them; `None` where there is no such hole, and
    /// for a size of 0.
    pub fn take_first(&mut self, size: u64, from: u64) -> Option<u64> {
        let found = size > 0 && self.tree.locate_fitting(size, from);
        found.then(|| self.cut(size))
    }

    /// As [`Holes::take_first`], from the longest hole, of equal holes the lowest.
    pub fn take_longest(&mut self, size: u64) -> Option<u64> {
        let longest = self.longest();
        let found = size > 0 && longest >= size && self.tree.locate_fitting(longest, 0);
        found.then(|| self.cut(size))
    }

    /// Gives `start .. start + len` back and joins it with the holes on either side.
    pub fn release(&mut self, start: u64, len: u64) {
        self.total += len;
        let around = self.neighbours(start, len);
        let joined =
            around.lower.map_or(0, |hole| hole.len) + around.upper.map_or(0, |hole| hole.len);
        let merged = Entry {
            start: around.lower.map_or(start, |hole| hole.start),
            longest: len + joined,
            child: 0,
        };
        let tree = &mut self.tree;
        match (around.lower, around.upper) {
            (None, None) => {
                self.count += 1;
                tree.set_place(around.next);
                tree.insert(merged);
            }
            (Some(_), None) => tree.replace(merged),
            (None, Some(_)) if around.same_leaf => {
                tree.set_place(around.next);
                tree.replace(merged);
            }
            (None, Some(upper)) => {
                tree.locate(upper.start);
                tree.replace(merged);
            }
            (Some(_), Some(_)) if around.same_leaf => {
                self.count -= 1;
                tree.replace(merged);
                tree.set_place(around.next);
                tree.remove();
            }
            (Some(lower), Some(upper)) => {
                self.count -= 1;
                tree.locate(upper.start);
                tree.remove();
                tree.locate(lower.start);
                tree.replace(merged);
            }
        }
    }

    /// The holes that touch `start .. start + len`. The path then ends at the last hole that starts
    /// below it, or at the first of all.
    fn neighbours(&mut self, start: u64, len: u64) -> Neighbours {
        self.tree.locate(start);
        let (leaf, at) = self.tree.leaf();
        let extent = |entry: Entry| Extent {
            start: entry.start,
            len: entry.longest,
        };
        let starts_below = at < leaf.count() && leaf.get(at).start < start;
        let lower = starts_below.then(|| extent(leaf.get(at)));
        let next = at + usize::from(starts_below);
        let same_leaf = next < leaf.count();
        let upper = if same_leaf {
            Some(extent(leaf.get(next))).filter(|hole| hole.start == start + len)
        } else {
            self.tree.first_of_next_leaf(start + len).map(extent)
        };
        Neighbours {
            lower: lower.filter(|hole| hole.end() == start),
            upper,
            next,
            same_leaf,
        }
    }

    /// Shortens the hole at the end of the path from the front, and removes it when nothing is
    /// left.
    fn cut(&mut self, size: u64) -> u64 {
        let (leaf, at) = self.tree.leaf();
        let Entry { start, longest, .. } = leaf.get(at);
        self.total -= size;
        if longest == size {
            self.count -= 1;
            self.tree.remove();
        } else {
            self.tree.replace(Entry {
                start: start + size,
                longest: longest - size,
                child: 0,
            });
        }
        start
    }
}

/// The holes on either side of a block that is freed.
struct Neighbours {
    /// The hole that ends where the block begins.
    lower: Option<Extent>,
    /// The hole that begins where the block ends.
    upper: Option<Extent>,
    /// The place behind the last hole that starts below the block, in the leaf of that hole.
    next: usize,
    /// Whether that place of the leaf has a hole.
    same_leaf: bool,
}
