//! First fit: the lowest hole that is long enough.

use super::holes::Holes;
use super::{Block, Placement};

/// First fit in O(log n): one descent of the tree of holes.
pub struct FirstFit {
    arena: u64,
    holes: Holes,
}

impl FirstFit {
    /// An empty arena of `arena` bytes.
    pub fn new(arena: u64) -> Self {
        FirstFit {
            arena,
            holes: Holes::new(arena),
        }
    }
}

impl Placement for FirstFit {
    fn arena(&self) -> u64 {
        self.arena
    }

    fn place(&mut self, size: u64) -> Option<Block> {
        self.holes.take_first(size, 0).map(Block)
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
