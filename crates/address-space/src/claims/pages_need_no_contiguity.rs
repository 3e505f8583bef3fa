//! The page table puts pages in any order, and moves them without moving a byte.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use claim::{Arm, Claim, Prediction, Quantity, Reading};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::MmapAdvise;
use observe::pagemap::{self, Page};

use super::page_size;
use crate::memory::{Memory, minor_faults, pages, present};

const PAGES: usize = 4096;
const FILE_PAGES: usize = 16;

const REVERSED: &str = "pages of a file, of 16, that read in reverse order";
const FAULTS: &str = "minor faults to move 4096 pages elsewhere and read them there";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "pages-need-no-contiguity",
    topic: "address-space",
    statement: "Addresses and memory are tied page by page: a file can be mapped backwards, a large \
                request is served from scattered frames, and mremap moves pages without copying.",
    measures: "Maps the 16 pages of a memfd in reverse order and reads them; gives back every second \
               of 4096 pages and asks for 2048 pages at once; moves 4096 pages to another address \
               with mremap, reads them there, and counts the faults.",
    control: "the file mapped in its own order; the pages copied with memcpy instead of moved",
    notes: &[41, 42, 44],
    needs: &["CAP_SYS_ADMIN to see that the frames stay; the counts need nothing"],
    syscalls: &["memfd_create", "mmap", "madvise", "mremap", "getrusage"],
    man: &["mmap(2)", "mremap(2)", "memfd_create(2)"],
    quantities: &[
        Quantity {
            name: REVERSED,
            unit: "pages",
            experiment: Prediction::Count(FILE_PAGES as u64),
            control: Prediction::Count(0),
        },
        Quantity {
            name: FAULTS,
            unit: "faults",
            experiment: Prediction::AtMost(PAGES as f64 / 10.0),
            control: Prediction::AtLeast(PAGES as f64),
        },
    ],
    limit: Duration::from_secs(5),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let page = page_size();
    super::ask_for(4 * PAGES * page)?;
    let reading = Reading::kernel().with(REVERSED, reversed(arm, page)?);

    let (mut memory, mut target) = (plain(page)?, plain(page)?);
    memory.write_every(page, 1);
    let frames = pages(&memory)?;
    let before = minor_faults()?;
    let moved = match arm {
        Arm::Experiment => memory.move_onto(target)?,
        Arm::Control => {
            target.bytes().copy_from_slice(memory.bytes());
            target
        }
    };
    let sum = moved.read_every(page);
    let faults = minor_faults()? - before;
    anyhow::ensure!(sum == PAGES as u64, "{sum} of {PAGES} pages arrived");

    let mut reading = reading.with(FAULTS, faults).note(scattered(page)?);
    if arm == Arm::Experiment {
        let now = pages(&moved)?;
        let same =
            |(new, old): &(&Page, &Page)| new.frame().is_some() && new.frame() == old.frame();
        let stayed = now.iter().zip(&frames).filter(same).count();
        reading = reading.note(match frames.iter().any(|page| page.frame().is_some()) {
            true => format!("{stayed} of {PAGES} pages lie on the frame they were on before"),
            false => "whether the frames stayed is hidden without CAP_SYS_ADMIN".to_owned(),
        });
        reading = reading.note(ratio(moved, page)?);
    }
    Ok(reading)
}

/// Private memory in base pages only.
fn plain(page: usize) -> Result<Memory> {
    let memory = Memory::private(PAGES * page)?;
    let _ = memory.advise(MmapAdvise::MADV_NOHUGEPAGE);
    Ok(memory)
}

/// How many pages of a file, mapped page by page, read as if the file had been turned round.
fn reversed(arm: Arm, page: usize) -> Result<usize> {
    let mut file = std::fs::File::from(
        memfd_create(c"witness-pages", MFdFlags::MFD_CLOEXEC).context("memfd_create")?,
    );
    for number in 0..FILE_PAGES {
        file.write_all(&vec![number as u8; page])
            .context("write to a memfd")?;
    }
    let mut order: Vec<usize> = (0..FILE_PAGES).collect();
    if arm == Arm::Experiment {
        order.reverse();
    }
    let mapped = Memory::of_pages(&file, page, &order)?;
    let read = mapped.first_bytes(1);
    let numbered = read.chunks_exact(page).enumerate();
    Ok(numbered
        .filter(|(i, bytes)| {
            bytes
                .iter()
                .all(|&byte| usize::from(byte) == FILE_PAGES - 1 - i)
        })
        .count())
}

/// Fragments memory and then asks for a large piece.
fn scattered(page: usize) -> Result<String> {
    let mut memory = plain(page)?;
    memory.write_every(page, 1);
    memory.discard_every_second(page)?;
    let mut large = Memory::private(PAGES / 2 * page)?;
    let _ = large.advise(MmapAdvise::MADV_NOHUGEPAGE);
    large.write_every(page, 1);
    let entries = pages(&large)?;
    let runs = match pagemap::runs(&entries) {
        0 => String::new(),
        runs => format!(", in {runs} runs of frames"),
    };
    Ok(format!(
        "after every second of {PAGES} pages was given back, a request for {} pages got {} frames{runs}",
        PAGES / 2,
        present(&large)?
    ))
}

/// mremap and memcpy side by side: medians of five rounds each, and their spread.
fn ratio(mut memory: Memory, page: usize) -> Result<String> {
    let (mut moving, mut copying) = (Vec::new(), Vec::new());
    let mut copy = plain(page)?;
    copy.write_every(page, 0); // no fault is left to be paid
    for _ in 0..5 {
        let target = plain(page)?;
        let start = Instant::now();
        memory = memory.move_onto(target)?;
        moving.push(start.elapsed());
        let start = Instant::now();
        copy.bytes().copy_from_slice(memory.bytes());
        copying.push(start.elapsed());
    }
    moving.sort();
    copying.sort();
    let [fastest, median, slowest] = [(4, 0), (2, 2), (0, 4)]
        .map(|(m, c)| copying[c].as_secs_f64() / moving[m].as_secs_f64().max(1e-9));
    Ok(format!(
        "memcpy of the same bytes to pages that are there took {median:.0} times as long as mremap (median \
         of five, {fastest:.0} to {slowest:.0})"
    ))
}
