//! Paging: a block gets whole pages, and each page any free frame.
//!
//! No request ever fails while enough frames are free, and the last page of a block is partly wasted.
//! The frames of a block are kept as a list of runs, so that the memory used follows the number of
//! blocks and not the size of the arena.

use super::{Block, Extent, Placement, round_up};

const NONE: u32 = u32::MAX;

/// A run of frames, and the run after it in the same list.
struct Run {
    first: u64,
    frames: u64,
    next: u32,
}

/// Frames of one size, given out last freed first.
pub struct Paging {
    page: u64,
    frames: u64,
    free_frames: u64,
    /// Frames from here on have never been used.
    fresh: u64,
    runs: Vec<Run>,
    spare: Vec<u32>,
    free: u32,
}

impl Paging {
    /// `arena / page` frames of `page` bytes (at least 1); what remains cannot be used.
    pub fn new(arena: u64, page: u64) -> Self {
        let frames = arena / page.max(1);
        Paging {
            page: page.max(1),
            frames,
            free_frames: frames,
            fresh: 0,
            runs: Vec::new(),
            spare: Vec::new(),
            free: NONE,
        }
    }

    fn pages(&self, size: u64) -> u64 {
        size.max(1).div_ceil(self.page)
    }

    fn run(&mut self, first: u64, frames: u64, next: u32) -> u32 {
        let run = Run { first, frames, next };
        match self.spare.pop() {
            Some(at) => {
                self.runs[at as usize] = run;
                at
            }
            None => {
                self.runs.push(run);
                (self.runs.len() - 1) as u32
            }
        }
    }
}

impl Placement for Paging {
    fn arena(&self) -> u64 {
        self.frames * self.page
    }

    fn place(&mut self, size: u64) -> Option<Block> {
        let mut need = self.pages(size);
        if need > self.free_frames {
            return None;
        }
        self.free_frames -= need;
        let mut list = NONE;
        while need > 0 && self.free != NONE {
            let at = self.free;
            let Run { first, frames, next } = self.runs[at as usize];
            if frames <= need {
                self.free = next;
                self.runs[at as usize].next = list;
                list = at;
                need -= frames;
            } else {
                self.runs[at as usize].first += need;
                self.runs[at as usize].frames -= need;
                list = self.run(first, need, list);
                need = 0;
            }
        }
        if need > 0 {
            list = self.run(self.fresh, need, list);
            self.fresh += need;
        }
        Some(Block(list.into()))
    }

    fn free(&mut self, block: Block, size: u64) {
        self.free_frames += self.pages(size);
        let mut at = block.0 as u32;
        while at != NONE {
            let next = self.runs[at as usize].next;
            self.runs[at as usize].next = self.free;
            self.free = at;
            at = next;
        }
    }

    fn allotted(&self, size: u64) -> u64 {
        round_up(size.max(1), self.page)
    }

    fn extents(&self, block: Block, _size: u64) -> Vec<Extent> {
        let mut extents = Vec::new();
        let mut at = block.0 as u32;
        while at != NONE {
            let run = &self.runs[at as usize];
            extents.push(Extent { start: run.first * self.page, len: run.frames * self.page });
            at = run.next;
        }
        extents
    }

    fn free_bytes(&self) -> u64 {
        self.free_frames * self.page
    }

    fn largest(&self) -> u64 {
        self.free_bytes()
    }

    fn holes(&self) -> usize {
        0
    }

    /// The frames in use; where they lie does not matter to any request.
    fn footprint(&self) -> u64 {
        (self.frames - self.free_frames) * self.page
    }
}
