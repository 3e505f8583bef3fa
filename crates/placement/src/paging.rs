//! Paging: a block gets whole pages, and each page any free frame.

use alloc::vec::Vec;

use super::{Block, Extent, Placement};

/// Paging: whole pages, and for each of them any free frame. O(1) to place and to free; with page
/// lists ([`Paging::with_frames`]) one step a page.
///
/// No request fails while enough frames are free; the last page of a block is partly wasted. Which
/// frames a block gets changes nothing for any other block. Without page lists they are only
/// counted, every block has the number 0, and [`start`](Placement::start) and
/// [`extents`](Placement::extents) know nothing.
///
/// Source: OSTEP, "Paging: Introduction".
#[derive(Debug, Clone)]
pub struct Paging {
    page: u64,
    frames: u64,
    free_frames: u64,
    lists: Option<Lists>,
}

/// Free frames, last freed first, and the frames of each block in the order of its pages.
#[derive(Debug, Clone)]
struct Lists {
    free: Vec<u64>,
    /// Frames from here on have never been used.
    fresh: u64,
    blocks: Vec<Vec<u64>>,
    spare: Vec<u64>,
}

impl Paging {
    /// `arena / page` free frames of `page` bytes each; a page of 0 bytes is made one of 1. The
    /// last `arena % page` bytes cannot be used and do not count as a part of the arena.
    pub fn new(arena: u64, page: u64) -> Self {
        let page = page.max(1);
        Paging {
            page,
            frames: arena / page,
            free_frames: arena / page,
            lists: None,
        }
    }

    /// Keeps page lists, so that [`start`](Placement::start) and [`extents`](Placement::extents)
    /// know where the bytes of a block lie. To be called before the first block is placed.
    pub fn with_frames(mut self) -> Self {
        self.lists = Some(Lists {
            free: Vec::new(),
            fresh: 0,
            blocks: Vec::new(),
            spare: Vec::new(),
        });
        self
    }

    fn pages(&self, size: u64) -> u64 {
        size.max(1).div_ceil(self.page)
    }
}

impl Lists {
    fn place(&mut self, pages: u64) -> u64 {
        let frame = |_| {
            self.free.pop().unwrap_or_else(|| {
                self.fresh += 1;
                self.fresh - 1
            })
        };
        let frames = (0..pages).map(frame).collect();
        match self.spare.pop() {
            Some(block) => {
                self.blocks[block as usize] = frames;
                block
            }
            None => {
                self.blocks.push(frames);
                self.blocks.len() as u64 - 1
            }
        }
    }
}

impl Placement for Paging {
    fn arena(&self) -> u64 {
        self.frames * self.page
    }

    fn place(&mut self, size: u64) -> Option<Block> {
        if size == 0 {
            return None;
        }
        let pages = self.pages(size);
        self.free_frames = self.free_frames.checked_sub(pages)?;
        Some(Block(
            self.lists.as_mut().map_or(0, |lists| lists.place(pages)),
        ))
    }

    fn free(&mut self, block: Block, size: u64) {
        self.free_frames += self.pages(size);
        if let Some(lists) = &mut self.lists {
            lists.free.append(&mut lists.blocks[block.0 as usize]);
            lists.spare.push(block.0);
        }
    }

    fn allotted(&self, size: u64) -> u64 {
        self.pages(size).saturating_mul(self.page)
    }

    fn start(&self, block: Block) -> u64 {
        let lists = self.lists.as_ref();
        lists.map_or(0, |lists| lists.blocks[block.0 as usize][0] * self.page)
    }

    /// One extent a page; none without page lists.
    fn extents(&self, block: Block, _size: u64) -> Vec<Extent> {
        let Some(lists) = &self.lists else {
            return Vec::new();
        };
        let extent = |&frame: &u64| Extent {
            start: frame * self.page,
            len: self.page,
        };
        lists.blocks[block.0 as usize].iter().map(extent).collect()
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

    /// The bytes of the frames in use: where they lie does not matter to any request. O(1).
    fn footprint(&self) -> u64 {
        (self.frames - self.free_frames) * self.page
    }
}
