//! Real memory under a placement policy: every block's bytes are written, and checked at its free.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;

use harness::memory::Memory;
use nix::errno::Errno;
use placement::{Block, Placement};
use present::units::bytes;

/// A policy whose blocks lie in real memory and are watched.
pub struct CheckedArena {
    policy: Box<dyn Placement>,
    memory: Memory,
    live: HashMap<Block, u64>,
}

/// What went wrong in real memory. All but [`ArenaError::Map`] and [`ArenaError::NotLive`] are
/// faults of the policy.
#[derive(Debug)]
#[non_exhaustive]
pub enum ArenaError {
    /// The arena cannot be mapped.
    Map {
        /// Bytes of the arena.
        arena: u64,
        /// The kernel's answer.
        source: observe::Error,
    },
    /// A free of a block that is not live.
    NotLive(Block),
    /// So many bytes of a block no longer hold what was written: the policy gave them to two
    /// blocks, or moved them wrongly.
    Changed {
        /// How many bytes.
        bytes: u64,
    },
    /// The policy gave out bytes beyond the arena.
    BeyondArena(Block),
    /// The extents of a block are shorter than the block.
    TooShort {
        /// Bytes asked for.
        size: u64,
        /// Bytes that the extents have.
        room: u64,
    },
}

impl fmt::Display for ArenaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArenaError::Map { arena, source } => {
                write!(f, "map an arena of {}: {source}", bytes(*arena))
            }
            ArenaError::NotLive(_) => f.write_str("free of a block that is not live"),
            ArenaError::Changed { bytes } => {
                write!(f, "{bytes} bytes of a block changed while it was live")
            }
            ArenaError::BeyondArena(_) => f.write_str("a block beyond the arena"),
            ArenaError::TooShort { size, room } => {
                write!(f, "a block of {size} bytes has room for {room}")
            }
        }
    }
}

impl Error for ArenaError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ArenaError::Map { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl CheckedArena {
    /// Lays `policy` over a mapping of its arena's size. The policy must know where its blocks lie
    /// ([`placement::Segments::with_moves`], [`placement::Paging::with_frames`]).
    ///
    /// # Errors
    /// [`ArenaError::Map`]; an arena of 0 bytes cannot be mapped.
    pub fn new(policy: Box<dyn Placement>) -> Result<CheckedArena, ArenaError> {
        let arena = policy.arena();
        let refused = |source| ArenaError::Map { arena, source };
        // A length that no address can reach is refused as mmap(2) would.
        let len = usize::try_from(arena)
            .map_err(|_| refused(observe::Error::new("mmap", Errno::ENOMEM)))?;
        let memory = Memory::private(len).map_err(refused)?;
        Ok(CheckedArena {
            policy,
            memory,
            live: HashMap::new(),
        })
    }

    /// The policy, to ask it questions.
    pub fn policy(&self) -> &dyn Placement {
        self.policy.as_ref()
    }

    /// The memory under it, to ask the kernel about it.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Places a block and writes a pattern of its own into each of its bytes; `None` when there is
    /// no room.
    ///
    /// # Errors
    /// [`ArenaError::BeyondArena`], [`ArenaError::TooShort`].
    pub fn place(&mut self, size: u64) -> Result<Option<Block>, ArenaError> {
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
        self.visit_bytes(block, size, |byte, expected| *byte = expected)?;
        self.live.insert(block, size);
        Ok(Some(block))
    }

    /// Checks every byte of a block and gives it back.
    ///
    /// # Errors
    /// As [`CheckedArena::give_back`], and [`ArenaError::Changed`] where a byte no longer holds
    /// what was written.
    pub fn free(&mut self, block: Block) -> Result<(), ArenaError> {
        match self.give_back(block)? {
            0 => Ok(()),
            bytes => Err(ArenaError::Changed { bytes }),
        }
    }

    /// Gives a block back: the number of its bytes that no longer hold what was written.
    ///
    /// # Errors
    /// [`ArenaError::NotLive`]; [`ArenaError::BeyondArena`] and [`ArenaError::TooShort`] where the
    /// policy answers otherwise than when it placed the block.
    pub fn give_back(&mut self, block: Block) -> Result<u64, ArenaError> {
        let size = self.live.remove(&block).ok_or(ArenaError::NotLive(block))?;
        let mut changed = 0u64;
        self.visit_bytes(block, size, |byte, expected| {
            changed += u64::from(*byte != expected)
        })?;
        self.policy.free(block, size);
        Ok(changed)
    }

    /// Overwrites one byte of a block, so that it can be seen whether the check finds it.
    ///
    /// # Errors
    /// [`ArenaError::BeyondArena`].
    pub fn spoil(&mut self, block: Block) -> Result<(), ArenaError> {
        self.visit_bytes(block, 1, |byte, expected| *byte = !expected)
    }

    fn visit_bytes(
        &mut self,
        block: Block,
        size: u64,
        mut visit: impl FnMut(&mut u8, u8),
    ) -> Result<(), ArenaError> {
        let mut room = 0u64;
        for extent in self.policy.extents(block, size) {
            let len = extent.len.min(size - room);
            let range = extent.start as usize..(extent.start + len) as usize;
            let part = self.memory.bytes().get_mut(range);
            for byte in part.ok_or(ArenaError::BeyondArena(block))? {
                visit(byte, pattern(block, room));
                room += 1;
            }
        }
        match room == size {
            true => Ok(()),
            false => Err(ArenaError::TooShort { size, room }),
        }
    }
}

/// What byte `offset` of a block holds: different from block to block and along the block, so that
/// overlapping blocks, a wrong order of pages and a botched move all show.
fn pattern(block: Block, offset: u64) -> u8 {
    let mixed = (block.0 ^ (offset << 20)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 56) as u8
}
