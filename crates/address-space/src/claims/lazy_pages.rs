//! mmap hands out addresses; frames come with the first touch.

use std::collections::HashMap;

use anyhow::Result;
use claim::Prediction::{AtMost, Between, Count};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading, Surprise};
use harness::memory::{Memory, are_faults_counted, is_pagemap_missing, minor_faults};
use harness::memory::{pages, present, resident};

use super::page_size;
use crate::evidence::{
    BASE_PAGES, addresses, every_page_holds, forbid_huge_pages, is_mapped, mappings,
};

const PAGES: usize = 1024;

const MAPPED: Quantity = Name("pages resident after mmap")
    .count(0, PAGES as u64)
    .unit("pages");
const READING: Quantity = Name("minor faults while each page is read for the first time")
    .predict(
        Between(PAGES as f64, PAGES as f64 * 1.1),
        AtMost(PAGES as f64 * 0.1),
    )
    .unit("faults");
const ZEROS: Quantity = Name("pages that lie on one and the same frame after each was read")
    .predict(Count(PAGES as u64), AtMost(1.0))
    .unit("pages");
const FAULTS: Quantity = Name("minor faults while each page is written for the first time")
    .predict(
        Between(PAGES as f64, PAGES as f64 * 1.1),
        AtMost(PAGES as f64 * 0.1),
    )
    .unit("faults");

const MAP: Act = Does("maps 1024 pages of private memory")
    .call(
        "mmap",
        "4194304, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS",
    )
    .shown_by("their addresses with rw-p in /proc/self/maps");
/// Populated memory would read as zeros, too: so the control writes it before.
const READ: Act = Does("reads each page before anything is written to it")
    .in_memory()
    .shown_by("pagemap has every page in memory, and every byte reads 0")
    .in_control(InControl::Not);
const WRITE: Act = Does("writes each page")
    .in_memory()
    .shown_by("the byte of every page, when it is read, has the value that was written");

pub(super) const CLAIM: Claim = Claim {
    id: "lazy-pages",
    statement: "mmap gives addresses and no memory: each page gets its frame in a minor fault, \
                when it is first written; reading maps one frame of zeros that all of them share.",
    measures: "Maps 1024 pages, reads one byte of each, then writes one byte of each; asks smaps \
               for the resident size before, getrusage for the faults, and pagemap for the frames \
               in between.",
    control: "the same with MAP_POPULATE, which fetches every frame in the call; each page is \
              written before it is read",
    surprise: Some(Surprise::Small(
        "1024 pages that were read lie on one frame",
    )),
    notes: &[41, 42],
    example: Some("lazy_pages"),
    lesson: Some("strace-lazy-pages"),
    needs: &[
        "CAP_SYS_ADMIN to see the frame of zeros; else that no frame is counted as resident stands \
         in",
    ],
    acts: &[MAP, BASE_PAGES, READ, WRITE],
    man: &[
        "mmap(2)",
        "getrusage(2)",
        "proc_pid_smaps(5)",
        "proc_pid_pagemap(5)",
    ],
    quantities: &[MAPPED, READING, ZEROS, FAULTS],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let page = page_size();
    super::ask_for(PAGES * page)?;
    let mut memory = match arm {
        Arm::Experiment => Memory::private(PAGES * page)?,
        Arm::Control => Memory::populated(PAGES * page)?,
    };
    // Where huge pages are always on, one fault would serve 512 pages.
    let base_pages = forbid_huge_pages(&memory)?;
    let mapped = resident(&memory)?.0 / page as u64;
    if arm == Arm::Control {
        memory.write_every(page, 1);
    }
    let before = minor_faults()?;
    memory.read_every(page);
    let reading = minor_faults()? - before;
    let read = pages_read(&memory, page)?;
    let was_untouched = every_page_holds(&memory, page, 0);
    let before = minor_faults()?;
    memory.write_every(page, 2);
    let writing = minor_faults()? - before;
    let before = minor_faults()?;
    memory.write_every(page, 3);
    let again = minor_faults()? - before;
    let result = Reading::kernel()
        .act(&MAP, is_mapped(&mappings()?, &addresses(&memory), "rw-p"))
        .act(&BASE_PAGES, base_pages)
        .act(&READ, read.present == PAGES as u64 && was_untouched)
        .act(&WRITE, every_page_holds(&memory, page, 3))
        .with(&MAPPED, mapped)
        .with(&ZEROS, read.on_one_frame);
    let result = match are_faults_counted()? {
        true => result
            .with(&READING, reading)
            .with(&FAULTS, writing)
            .note(format!("writing the same pages again cost {again} faults")),
        false => result.leave_out("this kernel counts no page faults", &[READING, FAULTS], &[]),
    };
    Ok(match read.frames_shown {
        true => result,
        false => result.caveat(
            "frame numbers are hidden without CAP_SYS_ADMIN, or there is no pagemap: counted \
             instead are pages that are in memory and that smaps does not count as resident, as it \
             does not the frame of zeros",
        ),
    })
}

/// What pagemap says once every page was read.
struct PagesRead {
    /// Pages in memory.
    present: u64,
    /// The most pages that lie on the same frame.
    on_one_frame: u64,
    frames_shown: bool,
}

fn pages_read(memory: &Memory, page: usize) -> Result<PagesRead> {
    if is_pagemap_missing() {
        let present = present(memory)?;
        return Ok(PagesRead {
            present,
            on_one_frame: present.saturating_sub(resident(memory)?.0 / page as u64),
            frames_shown: false,
        });
    }
    let mut frames: HashMap<u64, u64> = HashMap::new();
    let mut present = 0;
    for entry in pages(memory)? {
        present += u64::from(entry.present());
        if let Some(frame) = entry.frame() {
            *frames.entry(frame).or_default() += 1;
        }
    }
    let frames_shown = !frames.is_empty();
    let on_one_frame = match frames.into_values().max() {
        Some(most) => most,
        None => present.saturating_sub(resident(memory)?.0 / page as u64),
    };
    Ok(PagesRead {
        present,
        on_one_frame,
        frames_shown,
    })
}
