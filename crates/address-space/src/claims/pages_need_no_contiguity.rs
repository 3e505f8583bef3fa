//! The page table puts pages in any order, and moves them without moving a byte.

use std::io::Write;
use std::time::Instant;

use anyhow::{Context, Result};
use claim::Prediction::{AtLeast, AtMost};
use claim::{Arm, Claim, Name, Quantity, Reading};
use harness::memory::{Memory, minor_faults, pages, present};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::MmapAdvise;
use observe::pagemap::{self, Page};

use super::page_size;

const PAGES: usize = 4096;
const FILE_PAGES: usize = 16;

const REVERSED: Quantity = Name("pages of a file, of 16, that read in reverse order")
    .count(FILE_PAGES as u64, 0)
    .unit("pages");
const SERVED: Quantity =
    Name("pages in memory, of 2048 asked for at once, once every second of 4096 was given back")
        .count(PAGES as u64 / 2, 0)
        .unit("pages");
const STAYED: Quantity =
    Name("pages at another address, of 4096, on the frame they were on before")
        .count(PAGES as u64, 0)
        .unit("pages");
const FAULTS: Quantity =
    Name("minor faults to have 4096 pages at another address and read them there")
        .predict(AtMost(PAGES as f64 / 100.0), AtLeast(PAGES as f64))
        .unit("faults");

pub(super) const CLAIM: Claim = Claim {
    id: "pages-need-no-contiguity",
    statement: "Addresses and memory are tied page by page: a file can be mapped backwards, a \
                large request is served from scattered frames, and mremap moves pages without \
                copying.",
    measures: "Maps the 16 pages of a memfd in reverse order and reads them; gives back every \
               second of 4096 pages and asks for 2048 at once; lets a forked child share the \
               frames of 4096 pages, moves the pages to another address with mremap, and asks \
               pagemap how many of them are shared with the child still.",
    control: "the file in its own order; the 2048 pages asked for at the addresses that were given \
              back, which must be contiguous; memcpy to a new mapping",
    notes: &[41, 42, 44],
    needs: &["/proc/self/pagemap"],
    syscalls: &[
        "memfd_create",
        "mmap",
        "madvise",
        "mremap",
        "fork",
        "pread64",
        "getrusage",
    ],
    man: &[
        "mmap(2)",
        "mremap(2)",
        "memfd_create(2)",
        "proc_pid_pagemap(5)",
    ],
    quantities: &[REVERSED, SERVED, STAYED, FAULTS],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let page = page_size();
    super::ask_for(4 * PAGES * page)?;
    let reading = Reading::kernel().with(&REVERSED, count_reversed(arm, page)?);
    let (served, how) = request_after_scattering(arm, page)?;
    let reading = reading.with(&SERVED, served).note(how);

    let (mut memory, mut target) = (plain_memory(page)?, plain_memory(page)?);
    memory.write_every(page, 1);
    // The child only keeps the frames mapped: a frame that it maps, too, is an old one.
    let mut sharer = child::fork("sharer", |parent| Ok(parent.checkpoint()?))?;
    sharer.at_checkpoint()?;
    let (old, frames) = (memory.address(), pages(&memory)?);
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
    let now = pages(&moved)?;
    let elsewhere = moved.address() != old;
    let shared = |page: &&Page| elsewhere && page.present() && !page.exclusive();
    let stayed = now.iter().filter(shared).count();
    sharer.release()?;
    sharer.join()?;

    let reading = reading.with(&STAYED, stayed).with(&FAULTS, faults);
    if arm == Arm::Control {
        return Ok(reading);
    }
    let same = |(new, old): &(&Page, &Page)| new.frame().is_some() && new.frame() == old.frame();
    let reading = match now.iter().zip(&frames).filter(same).count() {
        0 => reading,
        same => reading.note(format!(
            "pagemap shows the same frame number as before for {same} of the {PAGES} pages"
        )),
    };
    Ok(reading.note(ratio(moved, page)?))
}

/// Private memory in base pages only.
fn plain_memory(page: usize) -> Result<Memory> {
    let memory = Memory::private(PAGES * page)?;
    let _ = memory.advise(MmapAdvise::MADV_NOHUGEPAGE);
    Ok(memory)
}

/// How many pages of a file, mapped page by page, read as if the file had been turned round.
fn count_reversed(arm: Arm, page: usize) -> Result<usize> {
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
    let mapped = Memory::map_pages(&file, page, &order)?;
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

/// Fragments memory and then asks for a large piece: how many of its pages are in memory, and how
/// that came about.
fn request_after_scattering(arm: Arm, page: usize) -> Result<(u64, String)> {
    let size = PAGES / 2 * page;
    let mut memory = plain_memory(page)?;
    memory.write_every(page, 1);
    let mut large = match arm {
        Arm::Experiment => {
            memory.discard_every_second(page)?;
            let left = present(&memory)? as usize;
            anyhow::ensure!(left == PAGES / 2, "{left} of {PAGES} pages are left");
            Memory::private(size)?
        }
        Arm::Control => match memory.ask_for_its_gaps(page, size)? {
            Ok(large) => large,
            Err(errno) => return Ok((0, format!("mmap at the first gap: {errno}"))),
        },
    };
    let _ = large.advise(MmapAdvise::MADV_NOHUGEPAGE);
    large.write_every(page, 1);
    let runs = match pagemap::runs(&pages(&large)?) {
        0 => "frames whose numbers are hidden without CAP_SYS_ADMIN".to_owned(),
        runs => format!("{runs} runs of frames"),
    };
    Ok((
        present(&large)?,
        format!("the large request was served from {runs}"),
    ))
}

/// mremap and memcpy side by side: medians of five rounds each, and their spread.
fn ratio(mut memory: Memory, page: usize) -> Result<String> {
    let (mut moving, mut copying) = (Vec::new(), Vec::new());
    let mut copy = plain_memory(page)?;
    copy.write_every(page, 0); // no fault is left to be paid
    for _ in 0..5 {
        let target = plain_memory(page)?;
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
        "memcpy of the same bytes to pages that are there took {median:.0} times as long as mremap \
         (median of five, {fastest:.0} to {slowest:.0})"
    ))
}
