//! First fit: the lowest hole that is long enough.

use super::holes::Holes;
use super::{Block, Placement};

/// First fit: the lowest hole that is long enough. O(log n) to place and to free: one descent of a
/// tree of holes.
///
/// Small rests pile up at low addresses and large holes survive at high ones. Source: Knuth, The
/// Art of Computer Programming 1, 2.5, algorithms A and B.
#[derive(Debug, Clone)]
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
        self.holes.longest()
    }

    fn holes(&self) -> usize {
        self.holes.count()
    }

    fn footprint(&self) -> u64 {
        self.holes.footprint(self.arena)
    }
}
