//! Segments with compaction: first fit, and when no hole is long enough although enough is free in
//! all, every segment slides down until the free bytes are one hole.

use alloc::vec::Vec;
use core::mem;

use super::holes::Holes;
use super::{Block, Move, Placement};

/// A row of the segment table.
#[derive(Debug, Clone, Copy)]
struct TableRow {
    base: u64,
    /// Length in bytes, 0 for a free row of the table.
    limit: u64,
}

/// Segments with compaction: first fit, and where no hole is long enough although enough is free in
/// all, every segment slides down until the free bytes are one hole.
///
/// O(log n) to place and to free. A compaction sorts the s live segments, O(s log s) and nearly
/// O(s) because most of them are in order already. Its true price is the bytes that it moves: they
/// are counted ([`moved_bytes`](Placement::moved_bytes)) and, with [`Segments::with_moves`],
/// listed.
///
/// Compaction needs what segmentation offers: a program names its segment by number, and the base
/// in the segment table can change under it. Source: OSTEP, "Segmentation".
#[derive(Debug, Clone)]
pub struct Segments {
    arena: u64,
    holes: Holes,
    table: Vec<TableRow>,
    spare: Vec<u32>,
    /// Rows of the table; in address order up to the segments placed since the last compaction.
    order: Vec<u32>,
    moves: Option<Vec<Move>>,
    moved: u64,
}

impl Segments {
    /// An empty arena of `arena` bytes.
    pub fn new(arena: u64) -> Self {
        Segments {
            arena,
            holes: Holes::new(arena),
            table: Vec::new(),
            spare: Vec::new(),
            order: Vec::new(),
            moves: None,
            moved: 0,
        }
    }

    /// Keeps a list of the moves for [`take_moves`](Placement::take_moves), which must be taken and
    /// carried out after every placement where real bytes lie in the arena.
    pub fn with_moves(mut self) -> Self {
        self.moves = Some(Vec::new());
        self
    }

    /// Slides every segment down to the end of the one before it.
    fn compact(&mut self) {
        let table = &mut self.table;
        self.order.retain(|&row| table[row as usize].limit > 0);
        // Almost sorted already: the stable sort finds the long run and merges the rest into it.
        self.order.sort_by_key(|&row| table[row as usize].base);
        self.order.dedup();
        let mut end = 0;
        for &row in &self.order {
            let segment = &mut table[row as usize];
            if segment.base != end {
                self.moved += segment.limit;
                if let Some(moves) = &mut self.moves {
                    moves.push(Move {
                        from: segment.base,
                        to: end,
                        len: segment.limit,
                    });
                }
                segment.base = end;
            }
            end += segment.limit;
        }
        self.holes = Holes::new(self.arena);
        if end > 0 {
            self.holes.take_first(end, 0);
        }
    }
}

impl Placement for Segments {
    fn arena(&self) -> u64 {
        self.arena
    }

    fn place(&mut self, size: u64) -> Option<Block> {
        if size == 0 || self.holes.total() < size {
            return None;
        }
        let base = match self.holes.take_first(size, 0) {
            Some(base) => base,
            None => {
                self.compact();
                self.holes.take_first(size, 0)?
            }
        };
        let segment = TableRow { base, limit: size };
        let row = match self.spare.pop() {
            Some(row) => {
                self.table[row as usize] = segment;
                row
            }
            None => {
                self.table.push(segment);
                (self.table.len() - 1) as u32
            }
        };
        self.order.push(row);
        // Rows of freed segments stay in the order until a compaction takes them out.
        if self.order.len() > 2 * self.table.len() + 64 {
            self.order = (0..self.table.len() as u32).collect();
        }
        Some(Block(row.into()))
    }

    fn free(&mut self, block: Block, _size: u64) {
        let segment = &mut self.table[block.0 as usize];
        let (base, limit) = (segment.base, segment.limit);
        segment.limit = 0;
        if limit > 0 {
            self.holes.release(base, limit);
            self.spare.push(block.0 as u32);
        }
    }

    fn start(&self, block: Block) -> u64 {
        self.table[block.0 as usize].base
    }

    fn free_bytes(&self) -> u64 {
        self.holes.total()
    }

    /// All free bytes: compaction makes them one hole.
    fn largest(&self) -> u64 {
        self.holes.total()
    }

    fn holes(&self) -> usize {
        self.holes.count()
    }

    fn footprint(&self) -> u64 {
        self.holes.footprint(self.arena)
    }

    fn take_moves(&mut self) -> Vec<Move> {
        self.moves.as_mut().map(mem::take).unwrap_or_default()
    }

    fn moved_bytes(&self) -> u64 {
        self.moved
    }
}
