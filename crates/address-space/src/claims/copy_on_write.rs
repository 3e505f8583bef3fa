//! fork copies no page until a process writes it.

use anyhow::Result;
use claim::Prediction::{AtMost, Between};
use claim::{Arm, Claim, Name, Quantity, Reading};
use harness::memory::{Memory, minor_faults, pages};
use nix::sys::mman::MmapAdvise;

use super::page_size;

const PAGES: usize = 1024;

const CHANGED: Quantity = Name("pages of the parent that the child's writing changed")
    .count(0, PAGES as u64)
    .unit("pages");
const BEFORE: Quantity = Name("pages that the child has to itself before writing")
    .count(0, PAGES as u64)
    .unit("pages");
const OWN: Quantity = Name("pages that the child has to itself after writing each")
    .count(PAGES as u64, 0)
    .unit("pages");
const FAULTS: Quantity = Name("minor faults while the child writes each")
    .predict(
        Between(PAGES as f64, PAGES as f64 * 1.1),
        AtMost(PAGES as f64 * 0.1),
    )
    .unit("faults");

pub(super) const CLAIM: Claim = Claim {
    id: "copy-on-write",
    statement: "After fork, parent and child share every frame of private memory; a frame is \
                copied in a fault when one of them writes to it, and the other never sees the \
                change.",
    measures: "The parent writes 1024 pages and forks; the child writes one byte of each, and \
               pagemap tells before and after how many of the pages no other process maps; \
               getrusage counts the faults in between.",
    control: "the same with MAP_SHARED memory; for the pages before writing, memory that the child \
              mapped and wrote itself",
    notes: &[41, 42],
    needs: &["/proc/self/pagemap"],
    syscalls: &["mmap", "fork", "pread64", "getrusage"],
    man: &["fork(2)", "mmap(2)", "getrusage(2)", "proc_pid_pagemap(5)"],
    quantities: &[CHANGED, BEFORE, OWN, FAULTS],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let page = page_size();
    super::ask_for(2 * PAGES * page)?;
    let mut memory = match arm {
        Arm::Experiment => Memory::private(PAGES * page)?,
        Arm::Control => Memory::shared(PAGES * page)?,
    };
    let _ = memory.advise(MmapAdvise::MADV_NOHUGEPAGE);
    memory.write_every(page, b'p');
    let mut writer = child::fork("writer", |parent| {
        // Reading maps what fork did not.
        memory.read_every(page);
        let before = match arm {
            Arm::Experiment => count_exclusive(&memory)?,
            // Shared memory is private to no process; the child's private pages are counted apart.
            Arm::Control => {
                // Where the processor does not mark a page as written, the first write of any is a
                // fault.
                memory.write_every(page, b'p');
                count_exclusive(&written_pages(page)?)?
            }
        };
        let faults = minor_faults()?;
        memory.write_every(page, b'c');
        let faults = minor_faults()? - faults;
        parent.send(&(before, count_exclusive(&memory)?, faults))?;
        // The parent looks while the child still maps the pages.
        Ok(parent.checkpoint()?)
    })?;
    let (before, own, faults): (u64, u64, u64) = writer.recv()?;
    writer.at_checkpoint()?;
    let first = memory.first_bytes(page).into_iter();
    let changed = first.filter(|&byte| byte != b'p').count();
    writer.release()?;
    writer.join()?;
    Ok(Reading::kernel()
        .with(&CHANGED, changed)
        .with(&BEFORE, before)
        .with(&OWN, own)
        .with(&FAULTS, faults))
}

/// As many pages that no other process has ever mapped.
fn written_pages(page: usize) -> Result<Memory> {
    let mut memory = Memory::private(PAGES * page)?;
    let _ = memory.advise(MmapAdvise::MADV_NOHUGEPAGE);
    memory.write_every(page, b'o');
    Ok(memory)
}

fn count_exclusive(memory: &Memory) -> Result<u64> {
    let own = pages(memory)?
        .into_iter()
        .filter(|page| page.present() && page.exclusive());
    Ok(own.count() as u64)
}
