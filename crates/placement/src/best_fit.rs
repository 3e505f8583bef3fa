//! Best fit: the shortest hole that is long enough; of equal holes the lowest.

use std::collections::BTreeSet;

use super::classes::{CLASSES, Occupied, class};
use super::tags::{Hole, Tags};
use super::{Block, Placement};

/// Best fit in O(log n): the holes by length and then by offset, in a set for each class of sizes. One
/// set would do; many small ones are searched faster.
pub struct BestFit {
    tags: Tags,
    by_length: Vec<BTreeSet<(u64, u64, u32)>>,
    occupied: Occupied,
}

impl BestFit {
    /// An empty arena of `arena` bytes.
    pub fn new(arena: u64) -> Self {
        let mut policy = BestFit {
            tags: Tags::new(arena),
            by_length: vec![BTreeSet::new(); CLASSES],
            occupied: Occupied::default(),
        };
        if let Some(whole) = policy.tags.lowest() {
            policy.insert(whole);
        }
        policy
    }

    fn insert(&mut self, hole: Hole) {
        let class = class(hole.len);
        self.by_length[class].insert((hole.len, hole.start, hole.part));
        self.occupied.insert(class);
    }

    fn remove(&mut self, hole: Hole) {
        let class = class(hole.len);
        let set = &mut self.by_length[class];
        set.remove(&(hole.len, hole.start, hole.part));
        if set.is_empty() {
            self.occupied.remove(class);
        }
    }

    fn find(&self, size: u64) -> Option<Hole> {
        let class = class(size);
        let mut own = self.by_length[class].range((size, 0, 0)..);
        let &(len, start, part) = match own.next() {
            Some(hole) => hole,
            None => self.by_length[self.occupied.from(class + 1)?].first()?,
        };
        Some(Hole { part, start, len })
    }
}

impl Placement for BestFit {
    fn arena(&self) -> u64 {
        self.tags.arena()
    }

    fn place(&mut self, size: u64) -> Option<Block> {
        let hole = self.find(size)?;
        self.remove(hole);
        let block = self.tags.cut(hole.part, size);
        if block != hole.part {
            self.insert(Hole {
                part: hole.part,
                start: hole.start + size,
                len: hole.len - size,
            });
        }
        Some(Block(block.into()))
    }

    fn free(&mut self, block: Block, _size: u64) {
        let released = self.tags.release(block.0 as u32);
        for gone in [released.before, released.after].into_iter().flatten() {
            self.remove(gone);
        }
        self.insert(released.merged);
    }

    fn start(&self, block: Block) -> u64 {
        self.tags.start(block.0 as u32)
    }

    fn free_bytes(&self) -> u64 {
        self.tags.free()
    }

    fn largest(&self) -> u64 {
        let highest = self.occupied.highest();
        let longest = highest.and_then(|class| self.by_length[class].last());
        longest.map_or(0, |&(len, ..)| len)
    }

    fn holes(&self) -> usize {
        self.tags.holes()
    }

    fn footprint(&self) -> u64 {
        self.tags.footprint()
    }
}
