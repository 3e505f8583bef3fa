//! mmap hands out addresses; frames come with the first touch.

use std::time::Duration;

use anyhow::Result;
use claim::{Arm, Claim, Prediction, Quantity, Reading};
use nix::sys::mman::MmapAdvise;

use super::page_size;
use crate::memory::{Memory, minor_faults, resident};

const PAGES: usize = 1024;

const MAPPED: &str = "pages resident after mmap";
const READ: &str = "pages resident after each was read";
const FAULTS: &str = "minor faults while each page is written for the first time";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "lazy-pages",
    topic: "address-space",
    statement: "mmap gives addresses and no memory: each page gets its frame in a minor fault, when \
                it is first written; reading maps one frame of zeros that all of them share.",
    measures: "Maps 1024 pages, reads one byte of each, then writes one byte of each; asks smaps for \
               the resident size in between and getrusage for the faults.",
    control: "the same with MAP_POPULATE, which fetches every frame in the call",
    notes: &[41, 42],
    needs: &["/proc"],
    syscalls: &["mmap", "getrusage"],
    man: &["mmap(2)", "getrusage(2)", "proc_pid_smaps(5)"],
    quantities: &[
        Quantity {
            name: MAPPED,
            unit: "pages",
            experiment: Prediction::Count(0),
            control: Prediction::Count(PAGES as u64),
        },
        Quantity {
            name: READ,
            unit: "pages",
            experiment: Prediction::Count(0),
            control: Prediction::Count(PAGES as u64),
        },
        Quantity {
            name: FAULTS,
            unit: "faults",
            experiment: Prediction::Between(PAGES as f64, PAGES as f64 * 1.1),
            control: Prediction::AtMost(PAGES as f64 * 0.1),
        },
    ],
    limit: Duration::from_secs(5),
    measure,
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
    let pages = |memory: &Memory| -> Result<u64> { Ok(resident(memory)?.0 / page as u64) };
    let mapped = pages(&memory)?;
    let before = minor_faults()?;
    memory.read_every(page);
    let reading = minor_faults()? - before;
    let read = pages(&memory)?;
    let before = minor_faults()?;
    memory.write_every(page, 1);
    let writing = minor_faults()? - before;
    let before = minor_faults()?;
    memory.write_every(page, 2);
    let again = minor_faults()? - before;
    Ok(Reading::kernel()
        .with(MAPPED, mapped)
        .with(READ, read)
        .with(FAULTS, writing)
        .note(format!(
            "reading cost {reading} faults, and no frame was resident for it"
        ))
        .note(format!("writing the same pages again cost {again} faults")))
}
