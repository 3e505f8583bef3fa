//! glibc's main heap, walked from outside.
//!
//! The heap is a chain: each chunk begins with the size of the one before (if that is free) and its own
//! size, whose low bits are flags; the next chunk follows. A chunk is free when its successor's
//! PREV_INUSE bit says so. The last one, the top chunk, reaches to the end of the heap (glibc,
//! malloc/malloc.c, "malloc_chunk details"). A walk that ends anywhere else has not understood the heap,
//! and says so.
//!
//! Here the heap is found; `chain` walks it, `layout` knows 32-bit and 64-bit chunks.

mod chain;
mod layout;

use std::time::Instant;

use anyhow::Result;
use observe::remote_memory::RemoteMemory;
use observe::smaps::Usage;
use serde::Serialize;

use super::target::Target;
use super::width::Width;
use chain::Walk;
use layout::{ALIGNMENT, Layout};

/// The main heap. Sizes are bytes and include chunk headers: 8 bytes for each live chunk, 4 in a 32-bit
/// process.
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
    /// The library of another allocator that the program maps: what that one allocates lies elsewhere.
    pub other_allocator: Option<String>,
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
/// Walks the main heap of `target`.
///
/// # Errors
/// There is no heap, it is not glibc's, or it may not be read.
pub fn walk(target: &Target, width: Width, usages: &[Usage]) -> Result<Heap, Unwalked> {
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
    let other = ["libjemalloc", "libtcmalloc", "libmimalloc"]
        .into_iter()
        .find(|name| maps(name));
    let whose = other.map_or(String::new(), |name| format!("; the program maps {name}"));
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
    let layout = Layout::of(width);
    let page = observe::machine::this().page_size as u64;
    let begin = Instant::now();
    let mut broken = String::new();
    for attempt in 1..=ATTEMPTS {
        for at in starts(&memory, layout, start, end).map_err(Unwalked::Refused)? {
            match Walk::new(layout, at, end, page).run(&|at, buffer| memory.read(at, buffer)) {
                Ok(mut heap) => {
                    heap.walk_ms = begin.elapsed().as_secs_f64() * 1e3;
                    let again =
                        Walk::new(layout, at, end, page).run(&|at, buffer| memory.read(at, buffer));
                    heap.changed =
                        !matches!(&again, Ok(again) if again.fingerprint == heap.fingerprint);
                    heap.free_again = again.ok().map(|again| again.free);
                    heap.size = end - start;
                    heap.resident = resident;
                    heap.pages = (end - start).div_ceil(page);
                    heap.attempts = attempt;
                    heap.other_allocator = other.map(str::to_owned);
                    return Ok(heap);
                }
                Err(why) => broken = why,
            }
        }
    }
    Err(Unwalked::Absent(format!(
        "no glibc heap found at start_brk: [heap] at {start:#x} is no chain of its chunks ({broken}), or changes \
         faster than it can be read{whose}"
    )))
}

/// Where the chain may begin: at the start of the heap, or behind what a static program's startup code
/// put there, at the first chunk that looks like glibc's thread cache.
fn starts(memory: &RemoteMemory, layout: Layout, start: u64, end: u64) -> Result<Vec<u64>> {
    let first = start + layout.offset();
    let mut head = vec![0; (end - start).min(16 << 10) as usize];
    let filled = memory.read(start, &mut head)?;
    let size_of = |at: u64| layout.read(head[..filled].get((at + layout.word - start) as usize..)?);
    let found = (first..start + filled as u64)
        .step_by(ALIGNMENT as usize)
        .find(|&at| size_of(at).is_some_and(|size| layout.caches.contains(&size)));
    let found = found.filter(|&at| at != first);
    Ok(found.into_iter().chain([first]).collect())
}
