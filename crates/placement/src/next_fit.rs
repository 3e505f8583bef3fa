//! Next fit: first fit that goes on where the last search ended, instead of at the start.

use super::holes::Holes;
use super::{Block, Placement};

/// Next fit: the lowest hole that is long enough at or above the end of the block placed last, or
/// else the lowest of all. O(log n) to place and to free.
///
/// Among lists it is there to shorten the search; over a tree only its placements are left, which
/// spread the blocks over the whole arena. Source: Knuth, The Art of Computer Programming 1, 2.5,
/// algorithm A with its roving pointer.
#[derive(Debug, Clone)]
pub struct NextFit {
    arena: u64,
    holes: Holes,
    /// End of the block placed last.
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
        self.holes.longest()
    }

    fn holes(&self) -> usize {
        self.holes.count()
    }

    fn footprint(&self) -> u64 {
        self.holes.footprint(self.arena)
    }
}
