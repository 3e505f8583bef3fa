//! The four classic policies as a textbook gives them: look at every hole, one after another.

use alloc::vec;
use alloc::vec::Vec;

use super::{Block, Extent, Placement};

/// Which of the holes that are long enough a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choice {
    /// The lowest.
    First,
    /// The lowest at or above the end of the block placed last, else the lowest.
    Next,
    /// The shortest; of equal holes the lowest.
    Best,
    /// The longest; of equal holes the lowest.
    Worst,
}

/// The four classic policies over a list of all holes in address order. O(n) to place and to free,
/// and for [`free_bytes`](Placement::free_bytes) and [`largest`](Placement::largest).
///
/// Short enough to be obviously right: the fast policies are tested against it, address for
/// address. Source: OSTEP, "Free-Space Management".
#[derive(Debug, Clone)]
pub struct LinearScan {
    choice: Choice,
    arena: u64,
    holes: Vec<Extent>,
    /// End of the block placed last.
    rover: u64,
}

impl LinearScan {
    /// An empty arena of `arena` bytes.
    pub fn new(choice: Choice, arena: u64) -> Self {
        let holes = if arena > 0 {
            vec![Extent {
                start: 0,
                len: arena,
            }]
        } else {
            Vec::new()
        };
        LinearScan {
            choice,
            arena,
            holes,
            rover: 0,
        }
    }

    fn choose(&self, size: u64) -> Option<usize> {
        let mut fitting = (0..self.holes.len()).filter(|&i| self.holes[i].len >= size);
        match self.choice {
            Choice::First => fitting.next(),
            Choice::Next => fitting
                .clone()
                .find(|&i| self.holes[i].start >= self.rover)
                .or_else(|| fitting.next()),
            Choice::Best => fitting.min_by_key(|&i| self.holes[i].len),
            Choice::Worst => fitting.min_by_key(|&i| u64::MAX - self.holes[i].len),
        }
    }
}

impl Placement for LinearScan {
    fn arena(&self) -> u64 {
        self.arena
    }

    fn place(&mut self, size: u64) -> Option<Block> {
        if size == 0 {
            return None;
        }
        let i = self.choose(size)?;
        let start = self.holes[i].start;
        self.rover = start + size;
        if self.holes[i].len == size {
            self.holes.remove(i);
        } else {
            self.holes[i] = Extent {
                start: start + size,
                len: self.holes[i].len - size,
            };
        }
        Some(Block(start))
    }

    fn free(&mut self, block: Block, size: u64) {
        let i = self.holes.partition_point(|hole| hole.start < block.0);
        self.holes.insert(
            i,
            Extent {
                start: block.0,
                len: size,
            },
        );
        if i + 1 < self.holes.len() && self.holes[i].end() == self.holes[i + 1].start {
            self.holes[i].len += self.holes.remove(i + 1).len;
        }
        if i > 0 && self.holes[i - 1].end() == self.holes[i].start {
            self.holes[i - 1].len += self.holes.remove(i).len;
        }
    }

    /// O(n).
    fn free_bytes(&self) -> u64 {
        self.holes.iter().map(|hole| hole.len).sum()
    }

    /// O(n).
    fn largest(&self) -> u64 {
        self.holes.iter().map(|hole| hole.len).max().unwrap_or(0)
    }

    fn holes(&self) -> usize {
        self.holes.len()
    }

    /// O(1).
    fn footprint(&self) -> u64 {
        match self.holes.last() {
            Some(hole) if hole.end() == self.arena => hole.start,
            _ => self.arena,
        }
    }
}
