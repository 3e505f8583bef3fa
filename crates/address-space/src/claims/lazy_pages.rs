//! mmap hands out addresses; frames come with the first touch.

use std::collections::HashMap;

use anyhow::Result;
use claim::Prediction::{AtMost, Between, Count};
use claim::{Arm, Claim, Name, Quantity, Reading};
use harness::memory::{Memory, minor_faults, pages, resident};
use nix::sys::mman::MmapAdvise;

use super::page_size;

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

pub(super) const CLAIM: Claim = Claim {
    id: "lazy-pages",
    statement: "mmap gives addresses and no memory: each page gets its frame in a minor fault, \
                when it is first written; reading maps one frame of zeros that all of them share.",
    measures: "Maps 1024 pages, reads one byte of each, then writes one byte of each; asks smaps \
               for the resident size before, getrusage for the faults, and pagemap for the frames \
               in between.",
    control: "the same with MAP_POPULATE, which fetches every frame in the call",
    notes: &[41, 42],
    needs: &[
        "CAP_SYS_ADMIN to see the frame of zeros; else that no frame is counted as resident stands \
         in",
    ],
    syscalls: &["mmap", "getrusage", "pread64"],
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
    // Where huge pages are always on, one fault would serve 512 pages. EINVAL: the kernel has none.
    let _ = memory.advise(MmapAdvise::MADV_NOHUGEPAGE);
    let mapped = resident(&memory)?.0 / page as u64;
    let before = minor_faults()?;
    memory.read_every(page);
    let reading = minor_faults()? - before;
    let zeros = pages_on_one_frame(&memory, page)?;
    let before = minor_faults()?;
    memory.write_every(page, 1);
    let writing = minor_faults()? - before;
    let before = minor_faults()?;
    memory.write_every(page, 2);
    let again = minor_faults()? - before;
    let result = Reading::kernel()
        .with(&MAPPED, mapped)
        .with(&READING, reading)
        .with(&ZEROS, zeros.pages)
        .with(&FAULTS, writing)
        .note(format!("writing the same pages again cost {again} faults"));
    Ok(match zeros.shown {
        true => result,
        false => result.caveat(
            "frame numbers are hidden without CAP_SYS_ADMIN: counted instead are pages that are in \
             memory and that smaps does not count as resident, as it does not the frame of zeros",
        ),
    })
}

/// Pages that share a frame.
struct OnOneFrame {
    pages: u64,
    /// Whether the frames' numbers were shown.
    shown: bool,
}

/// The most pages of `memory` that lie on the same frame.
fn pages_on_one_frame(memory: &Memory, page: usize) -> Result<OnOneFrame> {
    let mut frames: HashMap<u64, u64> = HashMap::new();
    let mut present = 0;
    for entry in pages(memory)? {
        present += u64::from(entry.present());
        if let Some(frame) = entry.frame() {
            *frames.entry(frame).or_default() += 1;
        }
    }
    let shown = !frames.is_empty();
    let pages = match frames.into_values().max() {
        Some(most) => most,
        None => present.saturating_sub(resident(memory)?.0 / page as u64),
    };
    Ok(OnOneFrame { pages, shown })
}
