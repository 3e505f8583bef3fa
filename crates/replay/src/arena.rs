//! Real memory under a placement policy: every block's bytes are written, and checked when it goes.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use harness::memory::Memory;
use placement::{Block, Placement};

/// A policy whose blocks lie in real memory, their contents watched.
pub struct Checked {
    policy: Box<dyn Placement>,
    memory: Memory,
    live: HashMap<Block, u64>,
}

impl Checked {
    /// Lays `policy` over a mapping of its arena's size. The policy must know where its blocks lie
    /// ([`placement::Segments::with_moves`], [`placement::Paging::with_frames`]).
    ///
    /// # Errors
    /// The arena cannot be mapped.
    pub fn new(policy: Box<dyn Placement>) -> Result<Checked> {
        let memory = Memory::private(usize::try_from(policy.arena())?)?;
        Ok(Checked {
            policy,
            memory,
            live: HashMap::new(),
        })
    }

    /// The policy, to ask it questions.
    pub fn policy(&self) -> &dyn Placement {
        self.policy.as_ref()
    }

    /// Places a block and writes a pattern of its own into each of its bytes; `None` when there is no room.
    ///
    /// # Errors
    /// The policy gave out bytes beyond the arena.
    pub fn place(&mut self, size: u64) -> Result<Option<Block>> {
        let Some(block) = self.policy.place(size) else {
            return Ok(None);
        };
        // Moves come first: they made the room that the block is about to fill.
        for step in self.policy.take_moves() {
            let from = step.from as usize;
            self.memory
                .bytes()
                .copy_within(from..from + step.len as usize, step.to as usize);
        }
        self.each_byte(block, size, |byte, expected| *byte = expected)?;
        self.live.insert(block, size);
        Ok(Some(block))
    }

    /// Checks every byte of a block and gives it back.
    ///
    /// # Errors
    /// A byte no longer holds what was written: the policy gave it to two blocks, or moved it wrongly.
    pub fn free(&mut self, block: Block) -> Result<()> {
        let changed = self.give_back(block)?;
        ensure!(
            changed == 0,
            "{changed} bytes of a block changed while it was live"
        );
        Ok(())
    }

    /// Gives a block back: the number of its bytes that no longer hold what was written.
    ///
    /// # Errors
    /// The block is not live.
    pub fn give_back(&mut self, block: Block) -> Result<u64> {
        let Some(size) = self.live.remove(&block) else {
            bail!("free of a block that is not live")
        };
        let mut changed = 0u64;
        self.each_byte(block, size, |byte, expected| {
            changed += u64::from(*byte != expected)
        })?;
        self.policy.free(block, size);
        Ok(changed)
    }

    /// Overwrites one byte of a block, so that it can be seen whether that is found.
    ///
    /// # Errors
    /// The block lies beyond the arena.
    pub fn spoil(&mut self, block: Block) -> Result<()> {
        self.each_byte(block, 1, |byte, expected| *byte = !expected)
    }

    fn each_byte(
        &mut self,
        block: Block,
        size: u64,
        mut visit: impl FnMut(&mut u8, u8),
    ) -> Result<()> {
        let mut done = 0u64;
        for extent in self.policy.extents(block, size) {
            let len = extent.len.min(size - done);
            let range = extent.start as usize..(extent.start + len) as usize;
            let part = self
                .memory
                .bytes()
                .get_mut(range)
                .context("a block beyond the arena")?;
            for byte in part {
                visit(byte, pattern(block, done));
                done += 1;
            }
        }
        ensure!(done == size, "a block of {size} bytes has room for {done}");
        Ok(())
    }
}

/// What byte `offset` of a block holds: different from block to block and along the block, so that
/// overlapping blocks, a wrong order of pages and a botched move all show.
fn pattern(block: Block, offset: u64) -> u8 {
    let mixed = (block.0 ^ (offset << 20)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 56) as u8
}
