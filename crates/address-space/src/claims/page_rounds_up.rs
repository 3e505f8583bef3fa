//! One byte costs a page.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::memory::Memory;

use super::page_size;
use crate::evidence::{self, is_mapped};

const OBJECTS: usize = 256;

const RESIDENT: Quantity = Name("pages resident for 256 objects of one byte")
    .count(OBJECTS as u64, 1)
    .unit("pages");
const SIZE: Quantity = Name("pages of addresses (VmSize) for 256 objects of one byte")
    .count(OBJECTS as u64, 1)
    .unit("pages");

const MAP: Act = Does("maps each object by itself")
    .call(
        "mmap",
        "NULL, 1, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS",
    )
    .times(OBJECTS)
    .shown_by("256 addresses on pages of their own, each with rw-p in /proc/self/maps")
    .in_control(InControl::Instead(
        "mmap",
        "NULL, 256, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS",
    ));
const WRITE: Act = Does("writes the byte of each object")
    .in_memory()
    .shown_by("each byte, when it is read, has the value that was written");

pub(super) const CLAIM: Claim = Claim {
    id: "page-rounds-up",
    statement: "A request is rounded up to whole pages: one byte costs a page, and the rest of it \
                is wasted inside (internal fragmentation).",
    measures: "Maps 256 objects of one byte, each by an mmap of its own, and asks \
               /proc/self/status by how much the address space has grown. Writes the byte of \
               each, and asks pagemap (or smaps, where there is none) for each object whether its \
               page is in memory; each page counts once.",
    control: "256 objects of one byte, one after the other in one mapping",
    notes: &[41, 45],
    example: Some("page_for_one_byte"),
    needs: &["/proc/self/pagemap or /proc/self/smaps"],
    acts: &[MAP, WRITE],
    man: &["mmap(2)", "proc_pid_status(5)", "proc_pid_pagemap(5)"],
    quantities: &[SIZE, RESIDENT],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let page = page_size();
    super::ask_for(OBJECTS * page)?;
    // With room for all, so that the heap does not grow between the two looks.
    let mut mappings = Vec::with_capacity(OBJECTS);
    let mut addresses = Vec::with_capacity(OBJECTS);
    let before = address_space()?;
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
    let grown = address_space()?.saturating_sub(before);
    for mapping in &mut mappings {
        mapping.write_every(1, 1);
    }
    // The same question in both arms: the pages of the objects, each once.
    let starts: BTreeSet<usize> = addresses.iter().map(|address| address / page).collect();
    let held = evidence::pages_in_memory(&starts, page)?;
    let maps = evidence::mappings()?;
    let mapped = mappings
        .iter()
        .all(|it| is_mapped(&maps, &evidence::addresses(it), "rw-p"));
    let written: u64 = mappings.iter().map(|mapping| mapping.read_every(1)).sum();
    let share = OBJECTS as f64 / (held * page).max(1) as f64;
    Ok(Reading::kernel()
        .act(&MAP, mapped && starts.len() == OBJECTS)
        .act(&WRITE, written == OBJECTS as u64)
        .with(&SIZE, grown / page as u64)
        .with(&RESIDENT, held)
        .note(format!(
            "{:.3} % of the resident bytes were asked for",
            share * 100.0
        )))
}

/// Bytes of this process's address space (VmSize).
fn address_space() -> Result<u64> {
    let status = observe::status::read(std::process::id() as i32)?;
    Ok(status
        .virtual_kib
        .context("no VmSize in /proc/self/status")?
        * 1024)
}
