//! Neighbouring pages lie in frames that are anywhere.

use std::collections::HashSet;

use anyhow::Result;
use claim::Prediction::{Between, Count};
use claim::{
    Act, Arm, Claim, Does, Evidence, InControl, Name, NotMeasured, Quantity, Reading, Table,
};
use harness::memory::{Memory, pages, resident};
use harness::statistics::shuffle;
use observe::pagemap::{self, Page};
use observe::smaps::HugePages;

use super::HUGE_PAGE;
use crate::evidence::{forbid_huge_pages, told_of_huge_pages};
use crate::huge_pages;

const PAGE: usize = 4096;
const PAGES: usize = HUGE_PAGE / PAGE;
/// After a search for free memory in one piece that found none, the kernel refuses the next
/// requests without a search, up to 64 of them (compact_defer_shift in mm/compaction.c).
const ATTEMPTS: usize = 100;
/// Pages whose frames are listed.
const SHOWN: usize = 8;

const PIECES: Quantity = Name("physical extents (pages where hidden) behind 512 contiguous pages")
    .predict(Between(PAGES as f64 / 8.0, PAGES as f64), Count(1))
    .unit("pieces");

const ASK: Act = Does("asks for pages of 4 KiB")
    .call("madvise", "2097152, MADV_NOHUGEPAGE")
    .shown_by("`nh` among the VmFlags in /proc/self/smaps")
    .in_control(InControl::Instead("madvise", "2097152, MADV_HUGEPAGE"))
    .or_not_measured(huge_pages::KEEP_ADVICE);
const WRITE: Act = Does("writes each page its number in a random order")
    .in_memory()
    .shown_by("512 different numbers, and few pages whose number follows on the page before");

pub(super) const CLAIM: Claim = Claim {
    id: "any-frame-will-do",
    statement: "Contiguous pages need no contiguous memory: any free frame will do for any page.",
    measures: "Maps 2 MiB, writes the 512 pages in random order, as programs do, and counts in \
               pagemap how many runs of consecutive frames hold them: their physical extents. \
               Without frame numbers it counts the pages that lie in memory, of 4 KiB or 2 MiB, \
               each of which the kernel may put anywhere.",
    control: "the same pages after MADV_COLLAPSE has moved them into one huge page",
    notes: &[41, 42],
    example: Some("lazy_pages"),
    needs: &[
        "transparent huge pages, one of which can be had",
        "CAP_SYS_ADMIN to see physical extents; else the pages stand in, by their present bits and \
         smaps",
    ],
    acts: &[ASK, WRITE],
    man: &["proc_pid_pagemap(5)", "madvise(2)"],
    quantities: &[PIECES],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    super::require_pages_of_4_kib()?;
    super::ask_for(2 * HUGE_PAGE)?;
    let mut memory = match arm {
        Arm::Experiment => small_pages()?,
        Arm::Control => one_huge_page()?,
    };
    let forbidden = told_of_huge_pages(&memory)? == HugePages::Forbidden;
    let entries = pages(&memory)?;
    let present = entries.iter().filter(|page| page.present()).count();
    let huge = resident(&memory)?.1 as usize / HUGE_PAGE;
    let held = format!("{present} of the {PAGES} pages are in memory, in {huge} huge pages");
    let numbered = is_numbered_at_random(&mut memory);
    let reading = |evidence| {
        let reading = Reading::new(evidence).act(&ASK, forbidden);
        reading.act(&WRITE, numbered)
    };
    let runs = pagemap::runs(&entries);
    if runs > 0 {
        let note = format!("{held}; physical extents, by the frames' numbers: {runs}");
        let reading = reading(Evidence::Kernel).with(&PIECES, runs).note(note);
        return Ok(match first_frames(&entries) {
            Some(table) => reading.table(table),
            None => reading,
        });
    }
    let separate = present.saturating_sub(huge * (PAGES - 1));
    Ok(reading(Evidence::Counters)
        .with(&PIECES, separate)
        .note(held)
        .caveat(format!(
            "frame numbers are hidden without CAP_SYS_ADMIN: counted are {separate} pages of 4 KiB \
             or 2 MiB that the kernel may put anywhere, not the physical extents that it put them \
             into"
        )))
}

/// Where the first pages lie, as distances from the lowest of their frames: where that is in the
/// machine's memory is nobody's business.
fn first_frames(entries: &[Page]) -> Option<Table> {
    let first = entries.get(..SHOWN)?.iter();
    let frames: Vec<u64> = first.map(|page| page.frame()).collect::<Option<_>>()?;
    let lowest = *frames.iter().min()?;
    let title = format!("frames of the first {SHOWN} pages, counted from the lowest of them");
    let mut table = Table::new(title, &["page", "frame"]);
    for (page, frame) in frames.iter().enumerate() {
        table.row([page.to_string(), (frame - lowest).to_string()]);
    }
    Some(table)
}

/// Pages of 4 KiB.
fn small_pages() -> Result<Memory> {
    let mut memory = Memory::aligned(HUGE_PAGE, HUGE_PAGE)?;
    forbid_huge_pages(&memory)?;
    write_numbers(&mut memory);
    Ok(memory)
}

/// The same pages in one huge page: by MADV_COLLAPSE, and before Linux 6.1 by a second mapping.
fn one_huge_page() -> Result<Memory> {
    let mut why = String::new();
    for _ in 0..ATTEMPTS {
        let mut memory = Memory::aligned(HUGE_PAGE, HUGE_PAGE)?;
        write_numbers(&mut memory);
        huge_pages::ask(&memory)?;
        let Err(error) = memory.collapse() else {
            return Ok(memory);
        };
        let mut second = Memory::aligned(HUGE_PAGE, HUGE_PAGE)?;
        huge_pages::ask(&second)?;
        write_numbers(&mut second);
        if resident(&second)?.1 == HUGE_PAGE as u64 {
            return Ok(second);
        }
        why = format!("{error}, and no huge page by MADV_HUGEPAGE either");
    }
    NotMeasured::err(why, huge_pages::FIND)
}

/// Writes a number into each page, in an order without a pattern, the same in every run: a page
/// gets its frame when it is written.
fn write_numbers(memory: &mut Memory) {
    let mut order: Vec<usize> = (0..PAGES).collect();
    shuffle(&mut order, &mut 1);
    let bytes = memory.bytes();
    for (number, page) in (1u32..).zip(order) {
        let at = page * PAGE;
        bytes[at..at + 4].copy_from_slice(&number.to_ne_bytes());
    }
}

/// Whether the pages bear the numbers 1 to 512, and not in the order of their addresses.
fn is_numbered_at_random(memory: &mut Memory) -> bool {
    let first = |page: &[u8]| u32::from_ne_bytes([page[0], page[1], page[2], page[3]]);
    let numbers: Vec<u32> = memory.bytes().chunks_exact(PAGE).map(first).collect();
    let different: HashSet<u32> = numbers.iter().copied().collect();
    let all = (1..=PAGES as u32).all(|number| different.contains(&number));
    let follows = numbers.windows(2).filter(|pair| pair[0] + 1 == pair[1]);
    all && follows.count() < PAGES / 10
}
