//! The walk from chunk to chunk, which counts on its way.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::Heap;
use super::layout::{ALIGNMENT, Layout};

const PREV_INUSE: u64 = 1;
const FLAGS: u64 = 7;

/// Fills the buffer with the bytes at an address, and answers how many there were.
pub type Read<'a> = &'a dyn Fn(u64, &mut [u8]) -> Result<usize, observe::Error>;

/// A walk under way: what was counted so far, and a window of the heap.
pub struct Walk {
    layout: Layout,
    at: u64,
    end: u64,
    page: u64,
    heap: Heap,
    largest_hole: u64,
    /// End of the last page that was counted as pinned.
    pinned_to: u64,
    window: Vec<u8>,
    window_at: u64,
    stride: usize,
}

impl Walk {
    pub fn new(layout: Layout, start: u64, end: u64, page: u64) -> Self {
        Walk {
            layout,
            at: start,
            end,
            page,
            heap: Heap::default(),
            largest_hole: 0,
            pinned_to: 0,
            window: Vec::new(),
            window_at: 0,
            stride: page as usize,
        }
    }

    pub fn run(mut self, read: Read<'_>) -> Result<Heap, String> {
        let mut size = self.size(read, self.at)?;
        loop {
            let length = size & !FLAGS;
            // The size comes from another process and may be anything: a sum that wraps would walk
            // backwards.
            let next = self.at.checked_add(length).filter(|&next| next <= self.end);
            // The top chunk ends with the heap: in a 32-bit process that is no multiple of the
            // alignment behind its beginning.
            let fits = length.is_multiple_of(ALIGNMENT) || next == Some(self.end);
            let Some(next) = next.filter(|_| fits && length >= self.layout.header()) else {
                return Err(format!("a chunk of {length} bytes at {:#x}", self.at));
            };
            let mut fingerprint = DefaultHasher::new();
            (self.heap.fingerprint, size).hash(&mut fingerprint);
            self.heap.fingerprint = fingerprint.finish();
            if next == self.end {
                self.top(length);
                return Ok(self.heap);
            }
            let next_size = self.size(read, next)?;
            // Chunks of two words are no blocks: they fence off what another brk put into the heap.
            if length >= self.layout.smallest() {
                self.chunk(length, next_size & PREV_INUSE != 0);
            }
            self.at = next;
            size = next_size;
        }
    }

    fn chunk(&mut self, length: u64, live: bool) {
        self.heap.chunks += 1;
        if live {
            self.heap.live_chunks += 1;
            self.heap.live += length;
            self.pin(self.at, self.at + length);
        } else {
            self.heap.holes += 1;
            self.heap.free += length;
            self.largest_hole = self.largest_hole.max(length);
            self.count_returnable(length);
        }
    }

    /// Counts the last chunk, and what only the whole walk shows.
    fn top(&mut self, length: u64) {
        self.heap.chunks += 1;
        self.heap.holes += 1;
        self.heap.free += length;
        self.heap.top = length;
        self.count_returnable(length);
        // One word of a chunk is its header; the rest of the top chunk must stay a chunk.
        let in_hole = self.largest_hole.saturating_sub(self.layout.word);
        let from_top = length.saturating_sub(self.layout.smallest()) / ALIGNMENT * ALIGNMENT;
        let in_top = from_top.saturating_sub(self.layout.word);
        self.heap.largest_request = in_hole.max(in_top);
        if self.heap.free > 0 {
            let usable = self.largest_hole.max(length);
            self.heap.external = (self.heap.free - usable) as f64 / self.heap.free as f64;
        }
    }

    /// Counts the pages of `from..to` that no chunk before it pins.
    fn pin(&mut self, from: u64, to: u64) {
        let first = (from - from % self.page).max(self.pinned_to);
        let last = to.next_multiple_of(self.page);
        if last > first {
            self.heap.pinned_pages += (last - first) / self.page;
            self.pinned_to = last;
        }
    }

    /// Counts the whole pages of a free chunk that malloc_trim could give back.
    fn count_returnable(&mut self, length: u64) {
        let first = (self.at + self.layout.bookkeeping()).next_multiple_of(self.page);
        let end = self.at + length;
        self.heap.returnable += (end - end % self.page).saturating_sub(first);
    }

    /// The size field of the chunk at `at`.
    ///
    /// Windows begin with a page and grow while chunk follows chunk: a page without a header in it
    /// may never have been touched, and reading it would make the kernel map it.
    fn size(&mut self, read: Read<'_>, at: u64) -> Result<u64, String> {
        const MAX_STRIDE: usize = 128 << 10;
        let field = at + self.layout.word;
        let offset = field.wrapping_sub(self.window_at) as usize;
        if let Some(size) = self.word(offset) {
            return Ok(size);
        }
        let near = self.window_at + self.window.len() as u64 + self.page > field;
        self.stride = if near {
            (self.stride * 2).min(MAX_STRIDE)
        } else {
            self.page as usize
        };
        self.window_at = field - field % self.page;
        let length = self.stride.min((self.end - self.window_at) as usize);
        self.window.resize(length, 0);
        let filled = read(self.window_at, &mut self.window).map_err(|e| e.to_string())?;
        self.window.truncate(filled);
        let offset = (field - self.window_at) as usize;
        self.word(offset)
            .ok_or_else(|| format!("nothing at {field:#x}"))
    }

    /// The word at `offset` of the window.
    fn word(&self, offset: usize) -> Option<u64> {
        self.layout.read(self.window.get(offset..)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::width::Width;

    const START: u64 = 0x5555_0000_0000;

    /// Walks `words` as a 64-bit heap at [`START`].
    fn walk(words: &[u64]) -> Result<Heap, String> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        walk_bytes(Width::Bits64, &bytes)
    }

    fn walk_bytes(width: Width, bytes: &[u8]) -> Result<Heap, String> {
        let read = |at: u64, buffer: &mut [u8]| {
            let from = &bytes[(at - START) as usize..];
            let count = from.len().min(buffer.len());
            buffer[..count].copy_from_slice(&from[..count]);
            Ok(count)
        };
        let layout = Layout::new(width);
        let end = START + bytes.len() as u64;
        Walk::new(layout, START + layout.offset(), end, 4096).run(&read)
    }

    #[test]
    fn a_size_that_wraps_ends_the_walk() {
        // A chunk of 32 bytes, then one whose size leads back to it.
        let words = [0, 33, 0, 0, 0, (-32i64 as u64) | 1, 0, 0];
        assert!(walk(&words).unwrap_err().contains("at 0x555500000020"));
    }

    #[test]
    fn a_live_chunk_a_hole_and_the_top() {
        let words = [0, 33, 0, 0, 0, 49, 0, 0, 0, 0, 48, 32, 0, 0];
        let heap = walk(&words).unwrap();
        assert_eq!((heap.live_chunks, heap.live), (1, 32));
        assert_eq!((heap.holes, heap.free, heap.top), (2, 80, 32));
    }

    #[test]
    fn a_32_bit_heap_lies_half_an_alignment_further_on() {
        // A live chunk of 16 bytes, a hole of 32, and a top chunk of 24 that ends with the heap.
        let words = [0, 0, 0, 17, 0, 0, 0, 33, 0, 0, 0, 0, 0, 0, 32, 24u32];
        let words = words.into_iter().chain([0; 4]);
        let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        let heap = walk_bytes(Width::Bits32, &bytes).unwrap();
        assert_eq!((heap.live_chunks, heap.live), (1, 16));
        assert_eq!((heap.holes, heap.free, heap.top), (2, 56, 24));
        assert_eq!(heap.largest_request, 28);
        assert!(walk_bytes(Width::Bits64, &bytes).is_err());
    }

    /// Sizes that chain often enough for the walk to get anywhere.
    fn word() -> impl Strategy<Value = u64> {
        prop_oneof![4 => 0u64..200, 1 => any::<u64>(), 1 => (0u64..200).prop_map(u64::wrapping_neg)]
    }

    proptest! {
        #[test]
        fn a_walk_over_anything_ends_and_adds_up(
            pairs in prop::collection::vec([word(), word()], 1..2000)
        ) {
            let words: Vec<u64> = pairs.into_iter().flatten().collect();
            if let Ok(heap) = walk(&words) {
                prop_assert!(heap.live + heap.free <= 8 * words.len() as u64);
            }
        }
    }
}
