//! Best fit: the shortest hole that is long enough; of equal holes the lowest.

use std::collections::BTreeSet;

use super::holes::Holes;
use super::{Block, Extent, Placement};

/// Best fit in O(log n): the holes in a second order, by length and then by offset.
pub struct BestFit {
    arena: u64,
    holes: Holes,
    by_length: BTreeSet<(u64, u64)>,
}

impl BestFit {
    /// An empty arena of `arena` bytes.
    pub fn new(arena: u64) -> Self {
        let holes = Holes::new(arena);
        let by_length = (arena > 0).then_some((arena, 0)).into_iter().collect();
        BestFit {
            arena,
            holes,
            by_length,
        }
    }
}

impl Placement for BestFit {
    fn arena(&self) -> u64 {
        self.arena
    }

    fn place(&mut self, size: u64) -> Option<Block> {
        let &(len, start) = self.by_length.range((size, 0)..).next()?;
        self.by_length.remove(&(len, start));
        if len > size {
            self.by_length.insert((len - size, start + size));
        }
        self.holes
            .take_at(start, size)
            .map(|hole| Block(hole.start))
    }

    fn free(&mut self, block: Block, size: u64) {
        let released = self.holes.release(block.0, size);
        for gone in [released.before, released.after].into_iter().flatten() {
            self.by_length.remove(&(gone.len, gone.start));
        }
        self.by_length
            .insert((released.merged.len, released.merged.start));
    }

    fn extents(&self, block: Block, size: u64) -> Vec<Extent> {
        vec![Extent {
            start: block.0,
            len: size,
        }]
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
