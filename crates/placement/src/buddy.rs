//! The buddy system: blocks of 2^k bytes at multiples of 2^k, split in halves and joined again.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use super::{Block, Placement};

/// Bytes of the smallest block.
const SMALLEST: u64 = Buddy::SMALLEST;

/// How many orders there are: the largest block has 16 * 2^59 bytes, which is 2^63.
const ORDERS: usize = 60;

/// The binary buddy system: of the free blocks of the smallest order that will do the lowest, split
/// in halves. O(log n) a split or join, of which there is at most one an order (60).
///
/// The price of the cheap joins is internal fragmentation: a request is rounded up to a power of
/// two. An arena that is no power of two is laid out as Linux lays out a zone, the largest blocks
/// first, so that any multiple of [`Buddy::SMALLEST`] can be used.
///
/// Sources: Knuth, The Art of Computer Programming 1, 2.5, algorithms R and S; Linux,
/// mm/page_alloc.c.
#[derive(Debug, Clone)]
pub struct Buddy {
    arena: u64,
    /// Start offsets of the free blocks, by order: `free[k]` holds blocks of `SMALLEST << k` bytes.
    free: Vec<BTreeSet<u64>>,
    free_bytes: u64,
    count: usize,
}

impl Buddy {
    /// Bytes of the smallest block.
    pub const SMALLEST: u64 = 16;

    /// An empty arena; the last `arena % SMALLEST` bytes cannot be used.
    pub fn new(arena: u64) -> Self {
        let usable = arena - arena % SMALLEST;
        let mut free = vec![BTreeSet::new(); ORDERS];
        let (mut at, mut count) = (0, 0);
        while at < usable {
            let order = ((usable - at) / SMALLEST).ilog2() as usize;
            free[order].insert(at);
            at += SMALLEST << order;
            count += 1;
        }
        Buddy {
            arena,
            free,
            free_bytes: usable,
            count,
        }
    }

    /// The order of the block that a request of `size` bytes gets; `None` when no order is so
    /// large.
    fn order(&self, size: u64) -> Option<usize> {
        let units = size.max(1).div_ceil(SMALLEST).checked_next_power_of_two()?;
        let order = units.ilog2() as usize;
        (order < self.free.len()).then_some(order)
    }
}

impl Placement for Buddy {
    fn arena(&self) -> u64 {
        self.arena
    }

    fn place(&mut self, size: u64) -> Option<Block> {
        if size == 0 {
            return None;
        }
        let order = self.order(size)?;
        let from = (order..self.free.len()).find(|&k| !self.free[k].is_empty())?;
        let start = self.free[from].pop_first()?;
        for half in order..from {
            self.free[half].insert(start + (SMALLEST << half));
        }
        self.count = self.count + (from - order) - 1;
        self.free_bytes -= SMALLEST << order;
        Some(Block(start))
    }

    fn free(&mut self, block: Block, size: u64) {
        let Some(mut order) = self.order(size) else {
            return;
        };
        self.free_bytes += SMALLEST << order;
        self.count += 1;
        let mut start = block.0;
        while order + 1 < self.free.len() && self.free[order].remove(&(start ^ (SMALLEST << order)))
        {
            start &= !(SMALLEST << order);
            order += 1;
            self.count -= 1;
        }
        self.free[order].insert(start);
    }

    fn allotted(&self, size: u64) -> u64 {
        self.order(size).map_or(size, |order| SMALLEST << order)
    }

    fn free_bytes(&self) -> u64 {
        self.free_bytes
    }

    fn largest(&self) -> u64 {
        (0..self.free.len())
            .rev()
            .find(|&k| !self.free[k].is_empty())
            .map_or(0, |k| SMALLEST << k)
    }

    /// The number of free blocks: two that are neighbours and no buddies count as two.
    fn holes(&self) -> usize {
        self.count
    }

    /// O(log n) for each free block at the end of the arena and each order.
    fn footprint(&self) -> u64 {
        // Free blocks at the very end of the arena are not in use; neighbours need not be buddies.
        let mut end = self.arena - self.arena % SMALLEST;
        let free_block_before = |end: u64| {
            (0..self.free.len())
                .filter_map(|order| {
                    end.checked_sub(SMALLEST << order)
                        .map(|start| (order, start))
                })
                .find(|(order, start)| self.free[*order].contains(start))
        };
        while let Some((_, start)) = free_block_before(end) {
            end = start;
        }
        end
    }
}
