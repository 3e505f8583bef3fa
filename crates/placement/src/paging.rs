//! Paging: a block gets whole pages, and each page any free frame.
//!
//! No request ever fails while enough frames are free, and the last page of a block is partly wasted.
//! Which frames a block gets changes nothing for any other block, so on plain offsets they are only
//! counted; where real bytes lie in the arena, page lists are kept.

use super::{Block, Extent, Placement, round_up};

/// Frames of one size.
pub struct Paging {
    page: u64,
    frames: u64,
    free_frames: u64,
    lists: Option<Lists>,
}

/// Free frames, last freed first, and the frames of each block in the order of its pages.
struct Lists {
    free: Vec<u64>,
    /// Frames from here on have never been used.
    fresh: u64,
    blocks: Vec<Vec<u64>>,
    spare: Vec<u64>,
}

impl Paging {
    /// `arena / page` frames of `page` bytes (at least 1); what remains cannot be used.
    pub fn new(arena: u64, page: u64) -> Self {
        let page = page.max(1);
        Paging {
            page,
            frames: arena / page,
            free_frames: arena / page,
            lists: None,
        }
    }

    /// Keeps page lists, so that [`Placement::extents`] knows where the bytes of a block lie.
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
        round_up(size.max(1), self.page)
    }

    fn start(&self, block: Block) -> u64 {
        let lists = self.lists.as_ref();
        lists.map_or(0, |lists| lists.blocks[block.0 as usize][0] * self.page)
    }

    /// One extent a page; none without [`Paging::with_frames`].
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

    /// The frames in use; where they lie does not matter to any request.
    fn footprint(&self) -> u64 {
        (self.frames - self.free_frames) * self.page
    }
}
