//! Best fit: the shortest hole that is long enough; of equal holes the lowest.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use super::classes::{CLASSES, ClassSet, class};
use super::tags::{Hole, Tags};
use super::{Block, Placement};

/// Best fit: the shortest hole that is long enough; of equal holes the lowest. O(log n) to place
/// and to free.
///
/// Wastes the least at once and leaves rests too short for anything. Source: Knuth, The Art of
/// Computer Programming 1, 2.5; the tags of algorithm C join the holes.
#[derive(Debug, Clone)]
pub struct BestFit {
    tags: Tags,
    /// The holes of each class by length, then offset, with their numbers. One set would do; many
    /// small ones are searched faster.
    by_length: Vec<BTreeSet<(u64, u64, u32)>>,
    occupied: ClassSet,
}

impl BestFit {
    /// An empty arena of `arena` bytes.
    pub fn new(arena: u64) -> Self {
        let mut policy = BestFit {
            tags: Tags::new(arena),
            by_length: vec![BTreeSet::new(); CLASSES],
            occupied: ClassSet::default(),
        };
        if let Some(whole) = policy.tags.first_hole() {
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
        let mut same_class = self.by_length[class].range((size, 0, 0)..);
        let &(len, start, part) = match same_class.next() {
            Some(hole) => hole,
            None => {
                let above = self.occupied.lowest_from(class + 1)?;
                self.by_length[above].first()?
            }
        };
        Some(Hole { part, start, len })
    }
}

impl Placement for BestFit {
    fn arena(&self) -> u64 {
        self.tags.arena()
    }

    fn place(&mut self, size: u64) -> Option<Block> {
        if size == 0 {
            return None;
        }
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
        for joined in [released.before, released.after].into_iter().flatten() {
            self.remove(joined);
        }
        self.insert(released.merged);
    }

    fn start(&self, block: Block) -> u64 {
        self.tags.start(block.0 as u32)
    }

    fn free_bytes(&self) -> u64 {
        self.tags.free_bytes()
    }

    /// O(log n).
    fn largest(&self) -> u64 {
        let highest = self.occupied.highest();
        let longest = highest.and_then(|class| self.by_length[class].last());
        longest.map_or(0, |&(len, ..)| len)
    }

    fn holes(&self) -> usize {
        self.tags.holes()
    }

    /// O(1).
    fn footprint(&self) -> u64 {
        self.tags.footprint()
    }
}
