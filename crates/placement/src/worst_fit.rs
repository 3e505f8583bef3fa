//! Worst fit: the longest hole, in the hope that what is left over stays useful.

use super::holes::Holes;
use super::{Block, Placement};

/// Worst fit in O(log n): the tree knows the longest hole at its root.
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
        self.holes.take_widest(size).map(Block)
    }

    fn free(&mut self, block: Block, size: u64) {
        self.holes.release(block.0, size);
    }

    fn free_bytes(&self) -> u64 {
        self.holes.total()
    }

    fn largest(&self) -> u64 {
        self.holes.widest()
    }

    fn holes(&self) -> usize {
        self.holes.count()
    }

    fn footprint(&self) -> u64 {
        self.holes.footprint(self.arena)
    }
}
