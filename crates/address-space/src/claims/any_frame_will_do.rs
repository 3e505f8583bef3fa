//! Neighbouring pages lie in frames that are anywhere.

use anyhow::Result;
use claim::Prediction::Between;
use claim::{Arm, Claim, Evidence, Name, NotMeasured, Quantity, Reading};
use harness::memory::{Memory, pages, resident};
use harness::statistics::shuffle;
use nix::sys::mman::MmapAdvise;
use observe::pagemap;

use super::HUGE_PAGE;

const BLOCKS: usize = 8;
/// Pages of 4 KiB in a huge page.
const PAGES_PER_BLOCK: usize = HUGE_PAGE / 4096;
const PAGES: usize = BLOCKS * PAGES_PER_BLOCK;

const PIECES: Quantity = Name("physical extents (pages where hidden) behind 4096 contiguous pages")
    .predict(
        Between(PAGES as f64 / 8.0, PAGES as f64),
        Between(1.0, BLOCKS as f64),
    )
    .unit("pieces");

pub(super) const CLAIM: Claim = Claim {
    id: "any-frame-will-do",
    statement: "Contiguous pages need no contiguous memory: any free frame will do for any page.",
    measures: "Maps 16 MiB, writes its 4096 pages in random order, as programs do, and counts in \
               pagemap how many runs of consecutive frames hold them: their physical extents. \
               Without frame numbers it counts the pages that lie in memory, of 4 KiB or 2 MiB, \
               each of which the kernel may put anywhere.",
    control: "the same pages after MADV_COLLAPSE has moved them into huge pages",
    notes: &[41, 42],
    needs: &[
        "CAP_SYS_ADMIN to see physical extents; else the pages stand in, by their present bits and \
         smaps",
    ],
    syscalls: &["mmap", "madvise", "pread64"],
    man: &["proc_pid_pagemap(5)", "madvise(2)"],
    quantities: &[PIECES],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    super::require_pages_of_4_kib()?;
    super::ask_for(2 * BLOCKS * HUGE_PAGE)?;
    let mut memory = Memory::aligned(BLOCKS * HUGE_PAGE, HUGE_PAGE)?;
    let _ = memory.advise(MmapAdvise::MADV_NOHUGEPAGE);
    for page in shuffled_pages() {
        memory.bytes()[page * 4096] = page as u8;
    }
    if arm == Arm::Control {
        // NOHUGEPAGE would forbid the collapse.
        memory.advise(MmapAdvise::MADV_HUGEPAGE)?;
        collapse(&mut memory)?;
    }
    let entries = pages(&memory)?;
    let present = entries.iter().filter(|page| page.present()).count();
    let huge = resident(&memory)?.1 as usize / HUGE_PAGE;
    let held = format!(
        "{present} of the {PAGES} pages are in memory, {} of them in {huge} huge pages",
        huge * PAGES_PER_BLOCK
    );
    let runs = pagemap::runs(&entries);
    if runs > 0 {
        return Ok(Reading::kernel().with(&PIECES, runs).note(format!(
            "{held}; physical extents, by the frames' numbers: {runs}"
        )));
    }
    let separate = present - huge * (PAGES_PER_BLOCK - 1);
    Ok(Reading::new(Evidence::Counters)
        .with(&PIECES, separate)
        .note(held)
        .caveat(format!(
            "frame numbers are hidden without CAP_SYS_ADMIN: counted are {separate} pages of 4 KiB \
             or 2 MiB that the kernel may put anywhere, not the physical extents that it put them \
             into"
        )))
}

/// Huge pages under the same addresses: MADV_COLLAPSE, and before Linux 6.1 a second mapping.
fn collapse(memory: &mut Memory) -> Result<()> {
    let Err(error) = memory.collapse() else {
        return Ok(());
    };
    let mut fresh = Memory::aligned(memory.len(), HUGE_PAGE)?;
    fresh.advise(MmapAdvise::MADV_HUGEPAGE)?;
    fresh.bytes().copy_from_slice(memory.bytes());
    if resident(&fresh)?.1 < fresh.len() as u64 {
        return NotMeasured::err(
            format!("{error:#}, and no huge pages by MADV_HUGEPAGE either"),
            "as root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
        );
    }
    *memory = fresh;
    Ok(())
}

/// The pages' numbers in an order without a pattern, the same in every run.
fn shuffled_pages() -> Vec<usize> {
    let mut order: Vec<usize> = (0..PAGES).collect();
    shuffle(&mut order, &mut 1);
    order
}
