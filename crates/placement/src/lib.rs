#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod best_fit;
mod buddy;
mod classes;
mod first_fit;
mod holes;
mod linear;
mod next_fit;
mod paging;
mod segments;
mod segregated_fit;
mod tags;
mod worst_fit;

use alloc::vec;
use alloc::vec::Vec;

pub use best_fit::BestFit;
pub use buddy::Buddy;
pub use first_fit::FirstFit;
pub use linear::{Choice, LinearScan};
pub use next_fit::NextFit;
pub use paging::Paging;
pub use segments::Segments;
pub use segregated_fit::SegregatedFit;
pub use worst_fit::WorstFit;

/// Consecutive bytes of the arena: `start .. start + len`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extent {
    /// Offset of the first byte, in bytes from the arena's start.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
}

impl Extent {
    /// Offset of the first byte behind the extent.
    pub fn end(self) -> u64 {
        self.start + self.len
    }
}

/// A placed block, by the number that its policy gave it.
///
/// The number means something to that policy alone: it is the block's offset, or the number of a
/// boundary tag ([`BestFit`], [`SegregatedFit`]), of a segment ([`Segments`]) or of a page list
/// ([`Paging`]). [`Placement::start`] gives the offset under every policy. The number of a freed
/// block may be given to a later one. The field is public so that a caller can keep the number in a
/// table of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block(pub u64);

/// Bytes that a compaction moved. `to` lies below `from`, and the two ranges may overlap: carry it
/// out as `memmove` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Move {
    /// Offset the bytes came from.
    pub from: u64,
    /// Offset they lie at now.
    pub to: u64,
    /// How many bytes.
    pub len: u64,
}

/// A placement policy over an arena of fixed size. All sizes and offsets are in bytes.
///
/// In the costs, n is the number of holes. Each policy states those of [`place`](Placement::place)
/// and [`free`](Placement::free); the questions cost what is said here unless the policy says
/// otherwise.
pub trait Placement: Send {
    /// The size of the arena, which never changes. O(1).
    fn arena(&self) -> u64;

    /// Places a block of `size` bytes. `None` when the policy finds no room, and for a size of 0.
    fn place(&mut self, size: u64) -> Option<Block>;

    /// Gives a block back. `size` is the size that it was placed with.
    ///
    /// # Panics
    /// May panic when the block is not live or the size is another one. Where it does not panic,
    /// the answers that follow are of no meaning.
    fn free(&mut self, block: Block, size: u64);

    /// Bytes of the arena that a block of `size` bytes takes up, at least `size`. The surplus is
    /// internal fragmentation. O(1).
    fn allotted(&self, size: u64) -> u64 {
        size
    }

    /// Offset of the first byte of a live block. [`Paging`] knows it only where it keeps page lists
    /// ([`Paging::with_frames`]), and answers 0 elsewhere. [`Segments`] may change it whenever a
    /// block is placed. O(1).
    ///
    /// # Panics
    /// May panic when the block is not live.
    fn start(&self, block: Block) -> u64 {
        block.0
    }

    /// Where a live block of `size` bytes lies now, in the order of its bytes; the lengths sum to
    /// `allotted(size)`. One extent under every policy but [`Paging`], which gives one a page, or
    /// none where it keeps no page lists.
    ///
    /// # Panics
    /// May panic when the block is not live.
    fn extents(&self, block: Block, size: u64) -> Vec<Extent> {
        vec![Extent {
            start: self.start(block),
            len: self.allotted(size),
        }]
    }

    /// Free bytes in all. O(1).
    fn free_bytes(&self) -> u64;

    /// The largest size with which [`place`](Placement::place) would succeed now; 0 when no size
    /// would. O(1).
    fn largest(&self) -> u64;

    /// Number of holes, the maximal runs of free bytes. [`Buddy`] counts its free blocks instead,
    /// and [`Paging`] answers 0: no request ever needs two free frames to be neighbours. O(1).
    fn holes(&self) -> usize;

    /// End of the highest byte in use: the size that an arena needs at least at this moment.
    /// O(log n).
    fn footprint(&self) -> u64;

    /// Takes the moves that were made since the last call, in the order in which they must be
    /// carried out. Empty under every policy but [`Segments::with_moves`].
    fn take_moves(&mut self) -> Vec<Move> {
        Vec::new()
    }

    /// Bytes that compaction has moved so far. O(1).
    fn moved_bytes(&self) -> u64 {
        0
    }
}
