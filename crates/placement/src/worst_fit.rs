//! Worst fit: the longest hole, in the hope that what is left over stays useful.

use super::holes::Holes;
use super::{Block, Placement};

/// Worst fit: the longest hole, of equal holes the lowest. O(log n) to place and to free: the root
/// of the tree of holes knows the longest.
///
/// The hope is that the rest of a long hole stays useful; in fact the long holes go first. Source:
/// OSTEP, "Free-Space Management".
#[derive(Debug, Clone)]
pub struct WorstFit {
    arena: u64,
    holes: Holes,
}

impl WorstFit {
    /// An empty arena of `arena` bytes.
    pub fn new(arena: u64) -> Self {
        WorstFit {
            arena,
            holes: Holes::new(arena),
        }
    }
}

impl Placement for WorstFit {
    fn arena(&self) -> u64 {
        self.arena
    }

    fn place(&mut self, size: u64) -> Option<Block> {
        self.holes.take_longest(size).map(Block)
    }

    fn free(&mut self, block: Block, size: u64) {
        self.holes.release(block.0, size);
    }

    fn free_bytes(&self) -> u64 {
        self.holes.total()
    }

    fn largest(&self) -> u64 {
        self.holes.longest()
    }

    fn holes(&self) -> usize {
        self.holes.count()
    }

    fn footprint(&self) -> u64 {
        self.holes.footprint(self.arena)
    }
}
