//! glibc's main heap, walked from outside.
//!
//! The heap is a chain: each chunk begins with the size of the one before (if that is free) and its own
//! size, whose low bits are flags; the next chunk follows. A chunk is free when its successor's
//! PREV_INUSE bit says so. The last one, the top chunk, reaches to the end of the heap (glibc,
//! malloc/malloc.c, "malloc_chunk details"). A walk that ends anywhere else has not understood the heap,
//! and says so.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use observe::smaps::Usage;
use serde::Serialize;

use super::target::{RemoteMemory, Target};

/// The main heap. Sizes are bytes and include chunk headers, 8 bytes for each live chunk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Heap {
    /// Length of the heap.
    pub size: u64,
    /// Resident bytes of it.
    pub resident: u64,
    /// Chunks, as a number.
    pub chunks: u64,
    /// Chunks in use, as a number; those in thread caches and fast bins look so, too.
    pub live_chunks: u64,
    /// Bytes in them.
    pub live: u64,
    /// Free chunks, as a number: the holes between live ones, and the top chunk (mallinfo2's ordblks).
    pub holes: u64,
    /// Bytes in them (mallinfo2's fordblks).
    pub free: u64,
    /// Of these, bytes in the top chunk.
    pub top: u64,
    /// The largest malloc that the free chunks can serve; one more byte and the heap must grow.
    pub largest_request: u64,
    /// Share of the free bytes that this request cannot use, 0 to 1: external fragmentation.
    pub external: f64,
    /// Pages of the heap, as a number.
    pub pages: u64,
    /// Pages that hold a part of a live chunk and cannot go back to the system, as a number.
    pub pinned_pages: u64,
    /// Bytes in whole pages inside of free chunks: what malloc_trim could give back at most.
    pub returnable: u64,
    /// Time that the walk took, in milliseconds.
    pub walk_ms: f64,
    /// Walks it took until one came out: more than 1 means that the process worked meanwhile.
    pub attempts: u32,
    /// Whether a second walk, right after, found other chunks or none that chain: the figures then mix
    /// moments.
    pub changed: bool,
    /// Free bytes in the second walk, to show how far apart the two are; null where it did not come out.
    pub free_again: Option<u64>,
    /// Of the chunks' sizes and flags in order, to tell one walk from another.
    #[serde(skip)]
    fingerprint: u64,
}

/// Why there is no walk.
#[derive(Debug)]
pub enum Unwalked {
    /// There is nothing to walk here.
    Absent(String),
    /// There may be, but it could not be read.
    Refused(anyhow::Error),
}

const ATTEMPTS: u32 = 3;
const PREV_INUSE: u64 = 1;
const FLAGS: u64 = 7;
/// Bytes of the two sizes in front of a chunk's contents.
const HEADER: u64 = 16;
/// The smallest chunk; what must remain of the top chunk, too.
const SMALLEST: u64 = 32;
/// Bytes of a free chunk that malloc_trim leaves alone: struct malloc_chunk.
const CHUNK_STRUCT: u64 = 48;

/// Walks the main heap of `target`.
///
/// # Errors
/// There is no heap, it is not glibc's, or it may not be read.
pub fn walk(target: &Target, usages: &[Usage]) -> Result<Heap, Unwalked> {
    let absent = |why: &str| Err(Unwalked::Absent(why.to_owned()));
    // File names, not paths: a directory may be called anything.
    let maps = |prefix: &str| {
        let file = |usage: &Usage| usage.mapping.path.rsplit('/').next().map(str::to_owned);
        let mut files = usages.iter().filter_map(file);
        files.any(|file| file.starts_with(prefix))
    };
    if maps("ld-musl-") || maps("libc.musl-") {
        return absent("the program uses musl, whose heap has another form");
    }
    let other = ["jemalloc", "tcmalloc", "mimalloc"]
        .into_iter()
        .find(|name| maps(&format!("lib{name}")));
    let whose = other.map_or(String::new(), |name| format!("; the program uses {name}"));
    let mut heap = usages.iter().filter(|usage| usage.mapping.path == "[heap]");
    let Some(first) = heap.next() else {
        return absent(&format!(
            "no [heap] mapping, nothing was allocated with brk(2){whose}"
        ));
    };
    let (start, mut end, mut resident) = (first.mapping.start, first.mapping.end, first.rss);
    for more in heap.take_while(|usage| usage.mapping.permissions.read) {
        end = more.mapping.end;
        resident += more.rss;
    }
    let memory = target.memory().map_err(Unwalked::Refused)?;
    let page = observe::machine::this().page_size as u64;
    let begin = Instant::now();
    let mut broken = String::new();
    for attempt in 1..=ATTEMPTS {
        for at in starts(&memory, start, end).map_err(Unwalked::Refused)? {
            match Walk::new(at, end, page).run(&|at, buffer| memory.read(at, buffer)) {
                Ok(mut heap) => {
                    heap.walk_ms = begin.elapsed().as_secs_f64() * 1e3;
                    let again = Walk::new(at, end, page).run(&|at, buffer| memory.read(at, buffer));
                    heap.changed =
                        !matches!(&again, Ok(again) if again.fingerprint == heap.fingerprint);
                    heap.free_again = again.ok().map(|again| again.free);
                    heap.size = end - start;
                    heap.resident = resident;
                    heap.pages = (end - start).div_ceil(page);
                    heap.attempts = attempt;
                    return Ok(heap);
                }
                Err(why) => broken = why,
            }
        }
    }
    Err(Unwalked::Absent(format!(
        "[heap] is no chain of glibc's chunks ({broken}): another C library, a static one such as musl among \
         them, or a heap that changes faster than it can be read{whose}"
    )))
}

/// Where the chain may begin: at the start of the heap, or behind what a static program's startup code
/// put there, at the first chunk that looks like glibc's thread cache.
fn starts(memory: &RemoteMemory, start: u64, end: u64) -> anyhow::Result<Vec<u64>> {
    /// Size and flag of the chunk that holds the thread cache (glibc 2.30 and later, 2.26 and later).
    const CACHES: [u64; 2] = [0x291, 0x251];
    let mut head = vec![0; (end - start).min(16 << 10) as usize];
    let filled = memory.read(start, &mut head)?;
    let (words, _) = head[..filled].as_chunks::<8>();
    let cache = |pair: &[[u8; 8]]| CACHES.contains(&u64::from_le_bytes(pair[1]));
    let found = words
        .chunks_exact(2)
        .position(cache)
        .map(|i| start + 16 * i as u64);
    Ok(found
        .filter(|&at| at != start)
        .into_iter()
        .chain([start])
        .collect())
}

/// Fills the buffer with what lies at an address; how many bytes there were.
type Read<'a> = &'a dyn Fn(u64, &mut [u8]) -> anyhow::Result<usize>;

/// A walk under way: totals, and a window of the heap.
struct Walk {
    at: u64,
    end: u64,
    page: u64,
    heap: Heap,
    largest_hole: u64,
    /// End of the last page counted as pinned.
    pinned_to: u64,
    window: Vec<u8>,
    window_at: u64,
    stride: usize,
}

impl Walk {
    fn new(start: u64, end: u64, page: u64) -> Self {
        let heap = Heap {
            size: 0,
            resident: 0,
            chunks: 0,
            live_chunks: 0,
            live: 0,
            holes: 0,
            free: 0,
            top: 0,
            largest_request: 0,
            external: 0.0,
            pages: 0,
            pinned_pages: 0,
            returnable: 0,
            walk_ms: 0.0,
            attempts: 0,
            changed: false,
            free_again: None,
            fingerprint: 0,
        };
        let window = Vec::new();
        let stride = page as usize;
        Walk {
            at: start,
            end,
            page,
            heap,
            largest_hole: 0,
            pinned_to: 0,
            window,
            window_at: 0,
            stride,
        }
    }

    fn run(mut self, read: Read<'_>) -> Result<Heap, String> {
        let mut size = self.size(read, self.at)?;
        loop {
            let length = size & !FLAGS;
            let odd = length < HEADER || !length.is_multiple_of(16);
            // The size is foreign memory's and may be anything: a sum that wraps would walk backwards.
            let next = self.at.checked_add(length);
            let Some(next) = next.filter(|&next| !odd && next <= self.end) else {
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
            // Chunks of 16 bytes fence off what another brk put into the heap.
            if length >= SMALLEST {
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
            self.give_back(length);
        }
    }

    fn top(&mut self, length: u64) {
        self.heap.chunks += 1;
        self.heap.holes += 1;
        self.heap.free += length;
        self.heap.top = length;
        self.give_back(length);
        // 8 bytes of a chunk are its header; the rest of the top chunk must stay a chunk.
        let in_hole = self.largest_hole.saturating_sub(8);
        let in_top = length.saturating_sub(SMALLEST + 8);
        self.heap.largest_request = in_hole.max(in_top);
        if self.heap.free > 0 {
            let usable = self.largest_hole.max(length);
            self.heap.external = (self.heap.free - usable) as f64 / self.heap.free as f64;
        }
    }

    /// Counts the pages of `from..to` that no chunk before has pinned.
    fn pin(&mut self, from: u64, to: u64) {
        let first = (from - from % self.page).max(self.pinned_to);
        let last = to.next_multiple_of(self.page);
        if last > first {
            self.heap.pinned_pages += (last - first) / self.page;
            self.pinned_to = last;
        }
    }

    fn give_back(&mut self, length: u64) {
        let first = (self.at + CHUNK_STRUCT).next_multiple_of(self.page);
        let end = self.at + length;
        self.heap.returnable += (end - end % self.page).saturating_sub(first);
    }

    /// The size field of the chunk at `at`.
    ///
    /// Windows begin with a page and grow while chunk follows chunk: a page without a header in it may
    /// never have been touched, and reading it would make the kernel map it.
    fn size(&mut self, read: Read<'_>, at: u64) -> Result<u64, String> {
        const WIDEST: usize = 128 << 10;
        let field = at + 8;
        let offset = field.wrapping_sub(self.window_at) as usize;
        if let Some(bytes) = self
            .window
            .get(offset..)
            .and_then(|rest| rest.first_chunk())
        {
            return Ok(u64::from_le_bytes(*bytes));
        }
        let near = self.window_at + self.window.len() as u64 + self.page > field;
        self.stride = if near {
            (self.stride * 2).min(WIDEST)
        } else {
            self.page as usize
        };
        self.window_at = field - field % self.page;
        let length = self.stride.min((self.end - self.window_at) as usize);
        self.window.resize(length, 0);
        let filled = read(self.window_at, &mut self.window).map_err(|e| format!("{e:#}"))?;
        self.window.truncate(filled);
        let offset = (field - self.window_at) as usize;
        let bytes = self
            .window
            .get(offset..)
            .and_then(|rest| rest.first_chunk());
        bytes
            .map(|bytes| u64::from_le_bytes(*bytes))
            .ok_or_else(|| format!("nothing at {field:#x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: u64 = 0x5555_0000_0000;

    /// Walks `words` as a heap at [`START`].
    fn walk(words: &[u64]) -> Result<Heap, String> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let read = |at: u64, buffer: &mut [u8]| {
            let from = &bytes[(at - START) as usize..];
            let count = from.len().min(buffer.len());
            buffer[..count].copy_from_slice(&from[..count]);
            Ok(count)
        };
        Walk::new(START, START + bytes.len() as u64, 4096).run(&read)
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

    /// Sizes that chain often enough for the walk to get anywhere.
    fn word() -> impl Strategy<Value = u64> {
        prop_oneof![4 => 0u64..200, 1 => any::<u64>(), 1 => (0u64..200).prop_map(u64::wrapping_neg)]
    }

    proptest! {
        #[test]
        fn a_walk_over_anything_ends_and_adds_up(pairs in prop::collection::vec([word(), word()], 1..2000)) {
            let words: Vec<u64> = pairs.into_iter().flatten().collect();
            if let Ok(heap) = walk(&words) {
                prop_assert!(heap.live + heap.free <= 8 * words.len() as u64);
            }
        }
    }
}
