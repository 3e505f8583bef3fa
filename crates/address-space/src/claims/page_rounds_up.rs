//! One byte costs a page.

use std::collections::BTreeSet;

use anyhow::Result;
use claim::{Arm, Claim, Name, Quantity, Reading};
use harness::memory::Memory;
use nix::sys::mman::MmapAdvise;
use observe::pagemap::Pagemap;

use super::page_size;

const OBJECTS: usize = 256;

const RESIDENT: Quantity = Name("pages resident for 256 objects of one byte")
    .count(OBJECTS as u64, 1)
    .unit("pages");

pub(super) const CLAIM: Claim = Claim {
    id: "page-rounds-up",
    statement: "A request is rounded up to whole pages: one byte costs a page, and the rest of it \
                is wasted inside (internal fragmentation).",
    measures: "Maps 256 objects of one byte, each by an mmap of its own, writes the byte, and asks \
               pagemap for each object whether its page is in memory; each page counts once.",
    control: "256 objects of one byte, one after the other in one mapping",
    notes: &[41, 45],
    needs: &["/proc/self/pagemap"],
    syscalls: &["mmap", "pread64"],
    man: &["mmap(2)", "proc_pid_pagemap(5)"],
    quantities: &[RESIDENT],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let page = page_size();
    super::ask_for(OBJECTS * page)?;
    let mut mappings = Vec::new();
    let mut addresses = Vec::new();
    match arm {
        Arm::Experiment => {
            for _ in 0..OBJECTS {
                let object = Memory::private(1)?;
                addresses.push(object.address());
                mappings.push(object);
            }
        }
        Arm::Control => {
            let all = Memory::private(OBJECTS)?;
            addresses.extend(all.address()..all.address() + OBJECTS);
            mappings.push(all);
        }
    }
    for mapping in &mut mappings {
        let _ = mapping.advise(MmapAdvise::MADV_NOHUGEPAGE);
        mapping.write_every(1, 1);
    }
    // The same questions in both arms, one for each object; a page counts once.
    let pagemap = Pagemap::open(std::process::id() as i32)?;
    let mut held = BTreeSet::new();
    for address in addresses {
        let entries = pagemap.pages(address as u64, 1)?;
        if entries.iter().any(|entry| entry.present()) {
            held.insert(address / page);
        }
    }
    let share = OBJECTS as f64 / (held.len() * page).max(1) as f64;
    Ok(Reading::kernel().with(&RESIDENT, held.len()).note(format!(
        "{:.3} % of the resident bytes were asked for",
        share * 100.0
    )))
}
