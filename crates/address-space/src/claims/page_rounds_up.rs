//! One byte costs a page.

use std::time::Duration;

use anyhow::Result;
use claim::{Arm, Claim, Prediction, Quantity, Reading};
use nix::sys::mman::MmapAdvise;

use super::page_size;
use crate::memory::{Memory, present};

const OBJECTS: usize = 256;

const RESIDENT: &str = "pages resident for 256 objects of one byte";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "page-rounds-up",
    topic: "address-space",
    statement: "A request is rounded up to whole pages: one byte costs a page, and the rest of it is \
                wasted inside (internal fragmentation).",
    measures: "Maps 256 objects of one byte, each by an mmap of its own, writes the byte, and asks \
               pagemap how many pages are in memory.",
    control: "256 objects of one byte, one after the other in one mapping",
    notes: &[41, 45],
    needs: &["/proc/self/pagemap"],
    syscalls: &["mmap", "pread64"],
    man: &["mmap(2)", "proc_pid_pagemap(5)"],
    quantities: &[Quantity {
        name: RESIDENT,
        unit: "pages",
        experiment: Prediction::Count(OBJECTS as u64),
        control: Prediction::Count(1),
    }],
    limit: Duration::from_secs(5),
    measure,
};

fn measure(arm: Arm) -> Result<Reading> {
    let page = page_size();
    super::ask_for(OBJECTS * page)?;
    let mut objects = Vec::new();
    match arm {
        Arm::Experiment => {
            for _ in 0..OBJECTS {
                let mut object = Memory::private(1)?;
                let _ = object.advise(MmapAdvise::MADV_NOHUGEPAGE);
                object.bytes()[0] = 1;
                objects.push(object);
            }
        }
        Arm::Control => {
            let mut all = Memory::private(OBJECTS)?;
            let _ = all.advise(MmapAdvise::MADV_NOHUGEPAGE);
            all.bytes().fill(1);
            objects.push(all);
        }
    }
    let mut held = 0;
    for object in &objects {
        held += present(object)?;
    }
    let share = OBJECTS as f64 / (held * page as u64).max(1) as f64;
    Ok(Reading::kernel().with(RESIDENT, held).note(format!(
        "{:.3} % of the resident bytes were asked for",
        share * 100.0
    )))
}
