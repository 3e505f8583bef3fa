//! Placement policies: which free bytes a request gets. Pure: no system call, no clock.
//!
//! One policy a file, all over one trait, so that the same trace can be run through each of them on plain
//! offsets (`replay`) or inside a real mapping whose contents are checked (`arena` of the crate `replay`).
//! Sources: Knuth, The Art of Computer Programming 1, 2.5; OSTEP, "Free-Space Management".

pub mod best_fit;
pub mod buddy;
pub mod classes;
pub mod first_fit;
pub mod holes;
pub mod linear;
pub mod next_fit;
pub mod paging;
pub mod segments;
pub mod segregated_fit;
pub mod tags;
pub mod worst_fit;

pub use best_fit::BestFit;
pub use buddy::Buddy;
pub use first_fit::FirstFit;
pub use linear::{Choice, LinearScan};
pub use next_fit::NextFit;
pub use paging::Paging;
pub use segments::Segments;
pub use segregated_fit::SegregatedFit;
pub use worst_fit::WorstFit;

/// A run of consecutive bytes of the arena: `start .. start + len`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Extent {
    /// Offset of the first byte, in bytes from the arena's start.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
}

impl Extent {
    /// Offset of the first byte after the run.
    pub fn end(self) -> u64 {
        self.start + self.len
    }
}

/// A placed block as its policy names it: an offset, the number of a part ([`tags::Tags`]), of a segment
/// ([`Segments`]) or of a page list ([`Paging`]). Only the policy that gave it can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block(pub u64);

/// Bytes that a compaction moved; `to` lies below `from`, and the two may overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Offset the bytes came from.
    pub from: u64,
    /// Offset they lie at now.
    pub to: u64,
    /// How many bytes.
    pub len: u64,
}

/// A placement policy over an arena of fixed size. Sizes and offsets are bytes.
pub trait Placement: Send {
    /// The arena's size. It never changes.
    fn arena(&self) -> u64;

    /// Places a block of `size` bytes (at least 1); `None` when the policy finds no room.
    fn place(&mut self, size: u64) -> Option<Block>;

    /// Gives a block back. `size` is what it was placed with.
    ///
    /// The caller answers for the block being live: a policy may give any answer, but not
    /// undefined behaviour, to a block freed twice.
    fn free(&mut self, block: Block, size: u64);

    /// Bytes of the arena that a block of `size` bytes takes up; the surplus is internal fragmentation.
    fn allotted(&self, size: u64) -> u64 {
        size
    }

    /// Offset of the block's first byte. Paging knows it only where it keeps page lists.
    fn start(&self, block: Block) -> u64 {
        block.0
    }

    /// Where the block lies now, in the order of its bytes; the lengths sum to `allotted(size)`.
    fn extents(&self, block: Block, size: u64) -> Vec<Extent> {
        vec![Extent {
            start: self.start(block),
            len: self.allotted(size),
        }]
    }

    /// Free bytes in all.
    fn free_bytes(&self) -> u64;

    /// The largest request that would succeed now.
    fn largest(&self) -> u64;

    /// Number of holes: maximal runs of free bytes, for [`Buddy`] its free blocks, for [`Paging`] 0,
    /// because no request ever needs two free frames to be neighbours.
    fn holes(&self) -> usize;

    /// End of the highest byte in use: what the arena must at least span at this moment.
    fn footprint(&self) -> u64;

    /// Takes the moves made since the last call, in the order in which they must be carried out.
    fn take_moves(&mut self) -> Vec<Move> {
        Vec::new()
    }

    /// Bytes moved by compaction so far.
    fn moved_bytes(&self) -> u64 {
        0
    }
}

/// Rounds `size` up to a multiple of `unit`; saturates instead of overflowing.
pub(crate) fn round_up(size: u64, unit: u64) -> u64 {
    match size % unit {
        0 => size,
        rest => size.saturating_add(unit - rest),
    }
}
