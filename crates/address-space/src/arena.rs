//! A real mapping under a placement policy: every block's bytes are written, and checked when it goes.
#![expect(
    unsafe_code,
    reason = "one anonymous mapping, handed out as a slice until it is dropped"
)]

use std::collections::HashMap;
use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use crate::placement::{Block, Placement};
use crate::units::bytes;

/// Private anonymous memory of fixed size, given back on drop.
pub struct Arena {
    base: NonNull<c_void>,
    len: usize,
}

// SAFETY: the mapping is owned by this value alone and no thread has a say in which of them uses it;
// moving the value to another thread moves the only way to reach the memory.
unsafe impl Send for Arena {}

impl Arena {
    /// Maps `len` bytes (at least 1); pages are filled with zeros when first touched.
    ///
    /// # Errors
    /// mmap(2): ENOMEM when the address space, `ulimit -v` or vm.overcommit_memory=2 does not allow it.
    pub fn new(len: u64) -> Result<Arena> {
        let describe = || format!("mmap an arena of {}", bytes(len));
        let size = usize::try_from(len)
            .ok()
            .and_then(NonZeroUsize::new)
            .with_context(describe)?;
        let (protection, flags) = (
            ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
            MapFlags::MAP_PRIVATE,
        );
        // SAFETY: a new private mapping at an address of the kernel's choice overlaps nothing that exists.
        let base =
            unsafe { mmap_anonymous(None, size, protection, flags) }.with_context(describe)?;
        Ok(Arena {
            base,
            len: size.get(),
        })
    }

    /// The bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: base..base+len is mapped readable and writable until drop, zero-filled and so
        // initialised; `&mut self` keeps any second slice from existing meanwhile.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr().cast(), self.len) }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `new` with this length, and no slice of it outlives self.
        // munmap of a whole own mapping fails only by running out of mappings, and then it stays.
        let _ = unsafe { munmap(self.base, self.len) };
    }
}

/// A policy whose blocks lie in an [`Arena`], their contents watched.
pub struct Checked {
    policy: Box<dyn Placement>,
    arena: Arena,
    live: HashMap<Block, u64>,
}

impl Checked {
    /// Lays `policy` over a mapping of its arena's size. The policy must know where its blocks lie
    /// ([`crate::placement::Segments::recording_moves`], [`crate::placement::Paging::with_frames`]).
    ///
    /// # Errors
    /// As [`Arena::new`].
    pub fn new(policy: Box<dyn Placement>) -> Result<Checked> {
        let arena = Arena::new(policy.arena())?;
        Ok(Checked {
            policy,
            arena,
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
            self.arena
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
        let Some(size) = self.live.remove(&block) else {
            bail!("free of a block that is not live")
        };
        let mut wrong = 0u64;
        self.each_byte(block, size, |byte, expected| {
            wrong += u64::from(*byte != expected)
        })?;
        ensure!(
            wrong == 0,
            "{wrong} of the {size} bytes of a block changed while it was live"
        );
        self.policy.free(block, size);
        Ok(())
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
                .arena
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
