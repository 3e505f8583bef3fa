//! glibc's main heap, walked from outside.
//!
//! The heap is a chain: each chunk begins with the size of the one before (if that is free) and its
//! own size, whose low bits are flags; the next chunk follows. A chunk is free when its successor's
//! PREV_INUSE bit says so. The last one, the top chunk, reaches to the end of the heap (glibc,
//! malloc/malloc.c, "malloc_chunk details"). A walk that ends anywhere else has not understood the
//! heap, and says so.
//!
//! This file finds the heap; `chain` walks it, `layout` knows 32-bit and 64-bit chunks.

pub(crate) mod chain;
pub(crate) mod layout;

use std::time::Instant;

use observe::remote_memory::RemoteMemory;
use observe::smaps::Usage;
use serde::Serialize;

use super::Error;
use super::target::Target;
use super::width::Width;
use chain::Walk;
use layout::{ALIGNMENT, Layout};

/// The main heap. Sizes are bytes and include chunk headers: 8 bytes for each live chunk, 4 in a
/// 32-bit process.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
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
    /// Free chunks, as a number: the holes between live ones, and the top chunk (mallinfo2's
    /// ordblks).
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
    /// Walks until one reached the top chunk: more than 1 means that the process worked meanwhile.
    pub attempts: u32,
    /// Whether a second walk, right after, found other chunks or none that chain: the figures then
    /// mix moments.
    pub changed: bool,
    /// Free bytes in the second walk, to show how far apart the two are; null where it found no
    /// chain.
    pub free_again: Option<u64>,
    /// The library of another allocator that the program maps: its blocks lie elsewhere.
    pub other_allocator: Option<String>,
    /// A hash over the chunks' sizes and flags in order, to tell one walk from another.
    #[serde(skip)]
    fingerprint: u64,
}

/// Why there is no walk.
#[derive(Debug)]
pub(crate) enum HeapError {
    /// There is nothing to walk here.
    Absent(String),
    /// There may be, but it could not be read.
    Refused(Error),
}

/// How often a walk is tried: the process may change the chain under it.
const ATTEMPTS: u32 = 3;

/// Walks the main heap of `target`.
pub(crate) fn walk(target: &Target, width: Width, usages: &[Usage]) -> Result<Heap, HeapError> {
    if maps_file(usages, "ld-musl-") || maps_file(usages, "libc.musl-") {
        let why = "the program uses musl, whose heap has another form";
        return Err(HeapError::Absent(why.to_owned()));
    }
    let other_allocator = ["libjemalloc", "libtcmalloc", "libmimalloc"]
        .into_iter()
        .find(|name| maps_file(usages, name));
    let remark = other_allocator.map_or(String::new(), |name| format!("; the program maps {name}"));
    let Some(place) = Place::find(usages) else {
        return Err(HeapError::Absent(format!(
            "no [heap] mapping, nothing was allocated with brk(2){remark}"
        )));
    };
    let memory = target.memory().map_err(HeapError::Refused)?;
    let layout = Layout::new(width);
    let begin = Instant::now();
    let mut broken = String::new();
    for attempt in 1..=ATTEMPTS {
        let firsts = first_chunks(&memory, layout, &place);
        for at in firsts.map_err(|error| HeapError::Refused(error.into()))? {
            match walk_twice(&memory, layout, at, &place, begin) {
                Ok(mut heap) => {
                    heap.attempts = attempt;
                    heap.other_allocator = other_allocator.map(str::to_owned);
                    return Ok(heap);
                }
                Err(why) => broken = why,
            }
        }
    }
    Err(HeapError::Absent(format!(
        "no glibc heap found at start_brk: [heap] at {:#x} is no chain of its chunks ({broken}), \
         or changes faster than it can be read{remark}",
        place.start
    )))
}

/// Whether a file is mapped whose name begins with `prefix`. Its directory may be called anything.
fn maps_file(usages: &[Usage], prefix: &str) -> bool {
    let mut files = usages.iter().filter_map(|usage| {
        let path = usage.mapping.path.as_encoded_bytes();
        path.rsplit(|&byte| byte == b'/').next()
    });
    files.any(|file| file.starts_with(prefix.as_bytes()))
}

/// Where the heap lies.
pub(crate) struct Place {
    /// First address.
    pub(crate) start: u64,
    /// First address after it.
    pub(crate) end: u64,
    /// Resident bytes.
    resident: u64,
}

impl Place {
    /// The first [heap] mapping and those that continue it, as far as they may be read.
    pub(crate) fn find(usages: &[Usage]) -> Option<Place> {
        let mut heap = usages.iter().filter(|usage| usage.mapping.path == "[heap]");
        let first = heap.next()?;
        let mut place = Place {
            start: first.mapping.start,
            end: first.mapping.end,
            resident: first.rss,
        };
        for more in heap.take_while(|usage| usage.mapping.permissions.read) {
            place.end = more.mapping.end;
            place.resident = place.resident.saturating_add(more.rss);
        }
        Some(place)
    }
}

/// Walks the chain that begins at `at`, and walks it again to see whether it changes.
fn walk_twice(
    memory: &RemoteMemory,
    layout: Layout,
    at: u64,
    place: &Place,
    begin: Instant,
) -> Result<Heap, String> {
    let page = observe::machine::read().page_size as u64;
    let walk = || {
        let read = |at: u64, buffer: &mut [u8]| memory.read(at, buffer);
        Walk::new(layout, at, place.end, page).run(&read)
    };
    let mut heap = walk()?;
    heap.walk_ms = begin.elapsed().as_secs_f64() * 1e3;
    let again = walk();
    heap.changed = !matches!(&again, Ok(again) if again.fingerprint == heap.fingerprint);
    heap.free_again = again.ok().map(|again| again.free);
    heap.size = place.end - place.start;
    heap.resident = place.resident;
    heap.pages = heap.size.div_ceil(page);
    Ok(heap)
}

/// Where the chain may begin: behind what a static program's startup code put into the heap, at the
/// first chunk that looks like glibc's thread cache, and at the start of the heap.
fn first_chunks(
    memory: &RemoteMemory,
    layout: Layout,
    place: &Place,
) -> Result<Vec<u64>, observe::Error> {
    let start = place.start;
    let first = start + layout.offset();
    let mut head = vec![0; (place.end - start).min(16 << 10) as usize];
    let filled = memory.read(start, &mut head)?;
    let size_of = |at: u64| layout.read(head[..filled].get((at + layout.word - start) as usize..)?);
    let cache = (first..start + filled as u64)
        .step_by(ALIGNMENT as usize)
        .find(|&at| size_of(at).is_some_and(|size| layout.caches.contains(&size)));
    let cache = cache.filter(|&at| at != first);
    Ok(cache.into_iter().chain([first]).collect())
}
