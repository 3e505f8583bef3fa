//! What is true of the readers here, whatever a process or /proc shows them: a law a reader.
//!
//! Tests try the laws a fixed number of times; `fuzz/` hands them to libFuzzer. In other builds
//! this module does not exist.

use observe::{buddyinfo, huge_pages, smaps};

use crate::InspectReport;
use crate::heap::chain::Walk;
use crate::heap::layout::{ALIGNMENT, Layout};
use crate::heap::{Heap, Place};
use crate::limits::Room;
use crate::map;
use crate::space::{AddressSpace, Bounds};
use crate::svg::svg;
use crate::system::{self, Huge, SystemReport};
use crate::target::Target;
use crate::text::text;
use crate::waste::{Waste, in_huge_pages};
use crate::width::Width;

/// Where the heaps of these laws lie.
const START: u64 = 0x5555_0000_0000;
const PAGE: u64 = 4096;

/// The numbers of eight bytes in `data`; the last one may have fewer.
fn numbers(data: &[u8]) -> impl Iterator<Item = u64> {
    let number = |bytes: &[u8]| {
        let bytes = bytes.iter();
        bytes.fold(0, |number, &byte| number << 8 | u64::from(byte))
    };
    data.chunks(8).map(number)
}

/// The walk over glibc's heap: the bytes of another process, which may be anything.
pub fn heap(data: &[u8]) {
    for width in [Width::Bits32, Width::Bits64] {
        if let Ok(heap) = walk(width, data) {
            check_heap(&heap, data.len() as u64);
        }
        let (bytes, expected) = build_heap(width, data);
        let heap = walk(width, &bytes);
        let heap = heap.unwrap_or_else(|why| panic!("a good heap, {width:?}: {why}"));
        check_heap(&heap, bytes.len() as u64);
        let found = (heap.live_chunks, heap.live, heap.holes, heap.free, heap.top);
        assert_eq!(found, expected, "{width:?}");
    }
}

fn walk(width: Width, bytes: &[u8]) -> Result<Heap, String> {
    let read = |at: u64, buffer: &mut [u8]| {
        let from = bytes.get((at - START) as usize..).unwrap_or_default();
        let count = from.len().min(buffer.len());
        buffer[..count].copy_from_slice(&from[..count]);
        Ok(count)
    };
    let layout = Layout::new(width);
    let end = START + bytes.len() as u64;
    Walk::new(layout, START + layout.offset(), end, PAGE).run(&read)
}

/// The figures of a heap of `length` bytes.
fn check_heap(heap: &Heap, length: u64) {
    assert!(heap.live + heap.free <= length);
    assert_eq!(heap.live_chunks + heap.holes, heap.chunks);
    assert!(heap.top <= heap.free && heap.largest_request < heap.free.max(1));
    assert!(heap.returnable <= heap.free);
    assert!((0.0..=1.0).contains(&heap.external), "{}", heap.external);
    assert!(heap.pinned_pages <= length.div_ceil(PAGE));
}

/// Live chunks, bytes in them, holes, bytes in them, bytes in the top chunk.
type Figures = (u64, u64, u64, u64, u64);

/// A heap with chunks of the sizes that `data` draws, the odd ones free, and its figures.
fn build_heap(width: Width, data: &[u8]) -> (Vec<u8>, Figures) {
    let layout = Layout::new(width);
    let mut bytes = vec![0; layout.offset() as usize];
    let mut figures = (0, 0, 1, 0, 0);
    let mut live_before = true;
    let mut push = |length: u64, live: bool| {
        let field = (length | u64::from(live_before)).to_le_bytes();
        let at = bytes.len() + layout.word as usize;
        bytes.resize(bytes.len() + length as usize, 0);
        bytes[at..at + layout.word as usize].copy_from_slice(&field[..layout.word as usize]);
        live_before = live;
    };
    for number in numbers(data).take(20) {
        let length = layout.smallest().next_multiple_of(ALIGNMENT) + number % 200 * ALIGNMENT;
        let live = number & 1 << 40 == 0;
        push(length, live);
        if live {
            figures.0 += 1;
            figures.1 += length;
        } else {
            figures.2 += 1;
            figures.3 += length;
        }
    }
    figures.4 = layout.smallest() + data.len() as u64 % 9 * ALIGNMENT;
    figures.3 += figures.4;
    push(figures.4, false);
    (bytes, figures)
}

/// What is concluded of smaps, and drawn: a report on a forged or emulated /proc.
pub fn smaps_report(data: &[u8]) {
    let mut usages = smaps::parse(data);
    let mut numbers = numbers(data);
    let mut number = || numbers.next().unwrap_or(0);
    for usage in usages.iter_mut().take(10) {
        usage.rss = number();
        usage.pss = number();
        usage.swap = number();
        usage.anon_huge_pages = number();
    }
    let target = Target {
        pid: 1,
        command: usages
            .first()
            .map_or("?".into(), |usage| usage.mapping.path.clone()),
        program: usages.last().map(|usage| usage.mapping.path.clone().into()),
    };
    let bounds = Bounds {
        lowest: number() % (1 << 20),
        end: (1 << 47) - PAGE,
        room: Room {
            address_space: Some(number()),
            data: Some(number()),
        },
        max_mappings: Some(number() % 100),
    };
    let kinds = map::kinds(&target, &usages);
    assert_eq!(kinds.len(), usages.len());
    let space = AddressSpace::new(&usages, bounds);
    assert!(space.longest_hole <= space.free && space.free <= space.size);
    assert!(space.largest_request <= space.longest_hole);
    assert!((0.0..=1.0).contains(&space.external), "{}", space.external);
    if let Some(place) = Place::find(&usages) {
        assert!(place.start <= place.end);
    }
    let report = InspectReport {
        schema: 1,
        pid: 1,
        command: target.command,
        address_bits: 64,
        parts: map::parts(&usages, &kinds),
        mappings: map::mappings(&usages, &kinds),
        address_space: space,
        waste: Waste {
            huge_pages: in_huge_pages(&usages),
            ..Waste::default()
        },
        heap: None,
        frames: None,
        changed_meanwhile: false,
        partial: false,
        unseen: Vec::new(),
    };
    let mappings: usize = report.parts.iter().map(|part| part.mappings).sum();
    assert_eq!(mappings, usages.len());
    assert_harmless(&text(&report, true, None));
    assert_harmless(&text(&report, true, Some(60)));
    assert_harmless(&svg(&report));
}

/// What a terminal would execute is escaped.
fn assert_harmless(drawn: &str) {
    let control = drawn.chars().find(|&c| c.is_control() && c != '\n');
    assert_eq!(control, None, "{drawn}");
}

/// What is concluded of buddyinfo and of a setting, and drawn.
pub fn buddyinfo_report(data: &[u8]) {
    let shown = String::from_utf8_lossy(data);
    let zones = buddyinfo::parse(&shown);
    let size = numbers(data).next();
    for order in [0, 9, 62, 70] {
        let pages: u64 = zones
            .iter()
            .fold(0, |sum, zone| zone.pages().saturating_add(sum));
        assert!(system::blocks_of(&zones, order) <= pages);
    }
    let setting = || huge_pages::parse(&shown).map(str::to_owned);
    let report = SystemReport {
        schema: 1,
        page_size: PAGE,
        zones: zones
            .iter()
            .map(|zone| system::describe(zone, PAGE))
            .collect(),
        available: size,
        huge: Huge {
            transparent: setting(),
            defrag: setting(),
            size,
            in_use: size,
            ready: system::blocks_of(&zones, 9),
            reserved: size,
            reserved_free: None,
        },
        unseen: vec![shown.lines().next().unwrap_or("").to_owned()],
    };
    assert_harmless(&system::text(&report, None));
    assert_harmless(&system::text(&report, Some(60)));
}

#[cfg(test)]
mod tests {
    samples::test_laws! { buddyinfo_report heap smaps_report }
}
