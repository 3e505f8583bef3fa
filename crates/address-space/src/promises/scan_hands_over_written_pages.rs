//! PAGEMAP_SCAN reports the pages that were written, and begins to count anew in the same call.

use std::ops::Range;

use anyhow::Result;
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::memory::{Memory, pages};
use observe::pagemap::Pagemap;
use observe::pagemap_scan::Afterwards;

use super::write_watch;
use crate::claims::page_size;
use crate::evidence::{BASE_PAGES, forbid_huge_pages};

const PAGES: usize = 64;
/// Every third page is written.
const STEP: usize = 3;
const WRITTEN: usize = PAGES.div_ceil(STEP);

const REPORTED: Quantity =
    Name("pages that two scans report, after 22 of 64 were written").word("22, 0", "22, 22");
const PROTECTED: Quantity = Name("pages protected by pagemap, after both scans")
    .count(PAGES as u64, (PAGES - WRITTEN) as u64)
    .unit("pages");

const PROTECT: Act = Does("protects every page by a first PAGEMAP_SCAN")
    .call("ioctl", "")
    .times(3)
    .shown_by("bit 57 of every page in /proc/self/pagemap, before anything is written");
const WRITE: Act = Does("writes every third page")
    .in_memory()
    .shown_by("the bytes in memory, and bit 57 of just these pages, which is gone");
const HAND_OVER: Act = Does("has the next scan protect what it reports (PM_SCAN_WP_MATCHING)")
    .in_memory()
    .shown_by("bit 57 of the pages that were written, between the two scans")
    .in_control(InControl::Not);

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "scan-hands-over-written-pages",
    statement: "PAGEMAP_SCAN tells which pages were written since it was last asked, and forgets \
                them in the same call, so that no write falls between two calls.",
    measures: "64 pages are registered for asynchronous write protection, protected by a scan, and \
               every third is written. Two scans follow; pagemap tells which pages are protected.",
    control: "the two scans leave the pages as they are (without PM_SCAN_WP_MATCHING)",
    notes: &[41, 42],
    needs: &["Linux 6.7 with CONFIG_USERFAULTFD"],
    acts: &[BASE_PAGES, PROTECT, WRITE, HAND_OVER],
    man: &[
        "PAGEMAP_SCAN(2const)",
        "userfaultfd(2)",
        "proc_pid_pagemap(5)",
    ],
    quantities: &[REPORTED, PROTECTED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let page = page_size();
    let mut memory = Memory::private(PAGES * page)?;
    let base_pages = forbid_huge_pages(&memory)?;
    memory.write_every(page, 1);
    let _watch = write_watch::watch(&memory)?;
    let pagemap = Pagemap::open(std::process::id() as i32)?;
    let (start, bytes) = (memory.address() as u64, memory.len() as u64);
    let scan = |afterwards| pagemap.scan_written(start, bytes, afterwards);
    scan(Afterwards::Protect)?;
    let armed = protected(&memory)?.len() == PAGES;
    memory.write_every(STEP * page, 2);
    let changed = written(&memory, page);
    let noted = without(&protected(&memory)?) == changed;
    let afterwards = arm.choose(Afterwards::Protect, Afterwards::Leave);
    let first = scan(afterwards)?;
    let handed_over = protected(&memory)?.len() == PAGES;
    let second = scan(afterwards)?;
    let reported = |ranges: &[Range<u64>]| {
        let length: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        length / page as u64
    };
    let first_pages: Vec<usize> = pages_of(&first, start, page as u64).collect();
    let right = if first_pages == changed {
        ""
    } else {
        " (others)"
    };
    Ok(Reading::kernel()
        .act(&BASE_PAGES, base_pages)
        .act(&PROTECT, armed)
        .act(&WRITE, noted && changed.len() == WRITTEN)
        .act(&HAND_OVER, handed_over)
        .with(
            &REPORTED,
            format!("{}{right}, {}", reported(&first), reported(&second)),
        )
        .with(&PROTECTED, protected(&memory)?.len()))
}

/// The numbers of the pages that pagemap shows protected, from 0.
fn protected(memory: &Memory) -> Result<Vec<usize>> {
    let entries = pages(memory)?;
    let entries = entries.iter().enumerate();
    let protected = entries.filter(|(_, entry)| entry.is_write_protected());
    Ok(protected.map(|(number, _)| number).collect())
}

/// The numbers of the other pages.
fn without(numbers: &[usize]) -> Vec<usize> {
    (0..PAGES)
        .filter(|number| !numbers.contains(number))
        .collect()
}

/// The numbers of the pages whose first byte is the one that was written last.
fn written(memory: &Memory, page: usize) -> Vec<usize> {
    let bytes = memory.first_bytes(page);
    let bytes = bytes.iter().enumerate();
    bytes
        .filter(|(_, byte)| **byte == 2)
        .map(|(number, _)| number)
        .collect()
}

/// The numbers of the pages in `ranges`.
fn pages_of(ranges: &[Range<u64>], start: u64, page: u64) -> impl Iterator<Item = usize> {
    let numbers = ranges.iter().map(move |range| {
        let number = |address: u64| (address.saturating_sub(start) / page) as usize;
        number(range.start)..number(range.end)
    });
    numbers.flatten()
}
