//! Next fit: first fit that goes on where the last search ended, instead of at the start.

use super::holes::Holes;
use super::{Block, Placement};

/// Next fit in O(log n). The rover is the end of the block placed last.
pub struct NextFit {
    arena: u64,
    holes: Holes,
    rover: u64,
}

impl NextFit {
    /// An empty arena of `arena` bytes.
    pub fn new(arena: u64) -> Self {
        NextFit {
            arena,
            holes: Holes::new(arena),
            rover: 0,
        }
    }
}

impl Placement for NextFit {
    fn arena(&self) -> u64 {
        self.arena
    }

    fn place(&mut self, size: u64) -> Option<Block> {
        let start = match self.holes.take_first(size, self.rover) {
            Some(start) => start,
            None => self.holes.take_first(size, 0)?,
        };
        self.rover = start + size;
        Some(Block(start))
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
