//! fork copies no page until a process writes it.

use anyhow::Result;
use claim::Prediction::{AtMost, Between};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::memory::{Memory, MemoryInUse, are_faults_counted, minor_faults, pages};
use serde::{Deserialize, Serialize};

use super::page_size;
use crate::evidence::{
    BASE_PAGES, addresses, every_page_holds, forbid_huge_pages, is_mapped, mappings,
};

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

const MAP: Act = Does("maps 1024 pages as private memory")
    .call(
        "mmap",
        "4194304, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS",
    )
    .shown_by("rw-p in /proc/self/maps")
    .in_control(InControl::Instead(
        "mmap",
        "4194304, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS",
    ));
const FILL: Act = Does("writes each page before the fork")
    .in_memory()
    .shown_by("the child reads the parent's byte in every page");
const FORK: Act = Does("forks a child")
    .call("clone", "SIGCHLD")
    .shown_by("the parent that getppid(2) tells the child");
const WRITE: Act = Does("writes one byte of each page")
    .in_memory()
    .by("writer")
    .shown_by("the child reads its own byte in every page");

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
    example: Some("copy_on_write"),
    needs: &["/proc/self/pagemap"],
    acts: &[MAP, BASE_PAGES, FILL, FORK, WRITE],
    man: &["fork(2)", "mmap(2)", "getrusage(2)", "proc_pid_pagemap(5)"],
    quantities: &[CHANGED, BEFORE, OWN, FAULTS],
    measure,
    ..Claim::DEFAULT
};

/// What the child saw.
#[derive(Serialize, Deserialize)]
struct Seen {
    parent: u32,
    filled: bool,
    before: u64,
    /// None where the kernel counts none.
    faults: Option<u64>,
    written: bool,
    own: u64,
}

fn measure(arm: Arm) -> Result<Reading> {
    let page = page_size();
    super::ask_for(2 * PAGES * page)?;
    let mut memory = match arm {
        Arm::Experiment => Memory::private(PAGES * page)?,
        Arm::Control => Memory::shared(PAGES * page)?,
    };
    let base_pages = forbid_huge_pages(&memory)?;
    memory.write_every(page, b'p');
    let mapped = is_mapped(&mappings()?, &addresses(&memory), "rw-p");
    let in_use = MemoryInUse::for_pagemap()?;
    let mut writer = child::fork("writer", |parent| {
        parent.send(&write_pages(arm, &mut memory, page, in_use)?)?;
        // The parent looks while the child still maps the pages.
        Ok(parent.checkpoint()?)
    })?;
    let seen: Seen = writer.recv()?;
    writer.at_checkpoint()?;
    let first = memory.first_bytes(page).into_iter();
    let changed = first.filter(|&byte| byte != b'p').count();
    writer.release()?;
    writer.join()?;
    let reading = Reading::kernel()
        .act(&MAP, mapped)
        .act(&BASE_PAGES, base_pages)
        .act(&FILL, seen.filled)
        .act(&FORK, seen.parent == std::process::id())
        .act(&WRITE, seen.written)
        .with(&CHANGED, changed)
        .with(&BEFORE, seen.before)
        .with(&OWN, seen.own);
    Ok(match seen.faults {
        Some(faults) => reading.with(&FAULTS, faults),
        None => reading.leave_out(
            "this kernel has no pagemap and counts no page faults, so that the pages that a \
             process has to itself are seen in the memory that the machine has in use",
            &[FAULTS],
            &[],
        ),
    })
}

/// What the child does. Before the fork so much memory was in use, where that must stand in for
/// pagemap.
fn write_pages(
    arm: Arm,
    memory: &mut Memory,
    page: usize,
    at_fork: Option<MemoryInUse>,
) -> Result<Seen> {
    // Reading maps what fork did not.
    let filled = every_page_holds(memory, page, b'p');
    let before = match arm {
        Arm::Experiment => count_exclusive(memory, page, at_fork)?,
        // Shared memory is private to no process; the child's private pages are counted apart.
        Arm::Control => {
            // Where the processor does not mark a page as written, the first write of any is a
            // fault.
            memory.write_every(page, b'p');
            let in_use = MemoryInUse::for_pagemap()?;
            count_exclusive(&own_pages(page)?, page, in_use)?
        }
    };
    let before_writing = MemoryInUse::for_pagemap()?;
    let counted = are_faults_counted()?;
    let faults = minor_faults()?;
    memory.write_every(page, b'c');
    Ok(Seen {
        faults: counted.then_some(minor_faults()? - faults),
        parent: std::os::unix::process::parent_id(),
        filled,
        before,
        written: every_page_holds(memory, page, b'c'),
        own: count_exclusive(memory, page, before_writing)?,
    })
}

/// As many pages that no other process has ever mapped.
fn own_pages(page: usize) -> Result<Memory> {
    let mut memory = Memory::private(PAGES * page)?;
    forbid_huge_pages(&memory)?;
    memory.write_every(page, b'o');
    Ok(memory)
}

/// Pages of `memory` that no other process maps: by pagemap, and where there is none by how many
/// more than `before` the machine has in use.
fn count_exclusive(memory: &Memory, page: usize, before: Option<MemoryInUse>) -> Result<u64> {
    if let Some(before) = before {
        return Ok(MemoryInUse::now()?.pages_since(before, page));
    }
    let own = pages(memory)?
        .into_iter()
        .filter(|page| page.present() && page.exclusive());
    Ok(own.count() as u64)
}
