//! What a chunk of glibc's looks like: everything in it is counted in words of the process.
//!
//! From glibc's malloc/malloc.c and sysdeps/i386/malloc-alignment.h: a chunk begins with two words,
//! the size of the one before and its own (SIZE_SZ each), and the addresses that malloc returns are
//! multiples of 16 (MALLOC_ALIGNMENT), on i386 since glibc 2.26. What malloc returns lies two words
//! behind the chunk's beginning, so that the chunks of a 32-bit heap lie 8 bytes behind such a
//! multiple.

use crate::width::Width;

/// MALLOC_ALIGNMENT: sizes of chunks are multiples of it, in bytes.
pub const ALIGNMENT: u64 = 16;

/// The layout of a 32-bit or a 64-bit process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Bytes in a word (SIZE_SZ); a live chunk has one more than its contents.
    pub word: u64,
    /// Sizes, flag included, of the chunk that holds the main thread's cache: since glibc 2.30, and
    /// since 2.26.
    pub caches: [u64; 2],
}

impl Layout {
    /// The layout in a process whose addresses have `width`.
    pub fn new(width: Width) -> Layout {
        match width {
            Width::Bits32 => Layout {
                word: 4,
                caches: [0x191, 0x151],
            },
            Width::Bits64 => Layout {
                word: 8,
                caches: [0x291, 0x251],
            },
        }
    }

    /// Bytes of the two sizes in front of a chunk's contents; no chunk is shorter.
    pub fn header(self) -> u64 {
        2 * self.word
    }

    /// The smallest chunk that malloc makes (MINSIZE), in bytes; what must remain of the top chunk,
    /// too.
    pub fn smallest(self) -> u64 {
        4 * self.word
    }

    /// Bytes of a free chunk that malloc_trim leaves alone: struct malloc_chunk.
    pub fn bookkeeping(self) -> u64 {
        6 * self.word
    }

    /// Bytes from a multiple of [`ALIGNMENT`] to a chunk.
    pub fn offset(self) -> u64 {
        ALIGNMENT - self.header()
    }

    /// The word that `bytes` begin with; `None` where they are too few.
    pub fn read(self, bytes: &[u8]) -> Option<u64> {
        match self.word {
            4 => bytes
                .first_chunk()
                .map(|word| u32::from_le_bytes(*word).into()),
            _ => bytes.first_chunk().map(|word| u64::from_le_bytes(*word)),
        }
    }
}
