//! Enough is free, and yet no part of it is long enough.

use anyhow::{Context, Result};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading, Table};
use harness::memory::present;
use placement::{BestFit, Block, Buddy, FirstFit, NextFit, Placement, SegregatedFit, WorstFit};
use placement::{Extent, Paging};
use present::units::bytes;
use replay::arena::CheckedArena;

use crate::evidence::{addresses, is_mapped, mappings};

const ARENA: u64 = 512 << 10;
const PARTS: u64 = 64;
const PART_SIZE: u64 = ARENA / PARTS;

const FAILED: Quantity = Name("arenas of six in which 16 KiB fail with 256 KiB free").count(6, 0);
const CHANGED: Quantity = Name("bytes that read back otherwise than they were written")
    .count(0, 6)
    .unit("bytes");

const MAP: Act = Does("maps six arenas of 512 KiB")
    .call(
        "mmap",
        "524288, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS",
    )
    .times(6)
    .shown_by("the addresses of each with rw-p in /proc/self/maps");
const CONTIGUOUS: Act = Does("lets a part lie in one piece alone")
    .in_memory()
    .shown_by("each of the parts is one run of bytes")
    .in_control(InControl::Not);
const FILL: Act = Does("fills each arena with 64 parts of 8 KiB")
    .in_memory()
    .shown_by("pagemap has every page of the arena in memory");
const FREE: Act = Does("frees every second part")
    .in_memory()
    .shown_by("between any two parts that are left lie 8 KiB that no part has");

pub(super) const CLAIM: Claim = Claim {
    id: "segments-fragment-externally",
    statement: "Where parts must be contiguous, a request can fail although enough is free in \
                total: segmentation, simulated, has external fragmentation under each of six \
                placement policies.",
    measures: "Simulates segments: fills a real mapping of 512 KiB with parts of 8 KiB, frees \
               every second one, and asks for 16 KiB; with first, next, best, worst and segregated \
               fit and a buddy system. Every byte of every part is checked.",
    control: "the same requests served in simulated pages of 128 bytes to 4 KiB, six sizes: any \
              free frame will do; one byte in each of the six overwritten on purpose",
    notes: &[38, 46],
    acts: &[MAP, CONTIGUOUS, FILL, FREE],
    man: &["mmap(2)"],
    quantities: &[FAILED, CHANGED],
    measure,
    ..Claim::DEFAULT
};

/// What all arenas of an arm have in common, and what is counted in them.
struct Sum {
    mapped: bool,
    contiguous: bool,
    filled: bool,
    alternate: bool,
    failed: u64,
    changed: u64,
}

fn measure(arm: Arm) -> Result<Reading> {
    super::ask_for(6 * ARENA as usize)?;
    let mut table = Table::new(
        "16 KiB asked for",
        &["policy", "free", "longest run", "16 KiB"],
    );
    let mut sum = Sum {
        mapped: true,
        contiguous: true,
        filled: true,
        alternate: true,
        failed: 0,
        changed: 0,
    };
    for (name, policy) in policies(arm) {
        let row = fragment(&mut sum, arm, policy).with_context(|| name.clone())?;
        table.row([vec![name], row].concat());
    }
    Ok(Reading::counters()
        .act(&MAP, sum.mapped)
        .act(&CONTIGUOUS, sum.contiguous)
        .act(&FILL, sum.filled)
        .act(&FREE, sum.alternate)
        .with(&FAILED, sum.failed)
        .with(&CHANGED, sum.changed)
        .table(table))
}

fn policies(arm: Arm) -> Vec<(String, Box<dyn Placement>)> {
    match arm {
        Arm::Experiment => vec![
            ("first fit".into(), Box::new(FirstFit::new(ARENA))),
            ("next fit".into(), Box::new(NextFit::new(ARENA))),
            ("best fit".into(), Box::new(BestFit::new(ARENA))),
            ("worst fit".into(), Box::new(WorstFit::new(ARENA))),
            ("segregated fit".into(), Box::new(SegregatedFit::new(ARENA))),
            ("buddy".into(), Box::new(Buddy::new(ARENA))),
        ],
        Arm::Control => [128, 256, 512, 1024, 2048, 4096]
            .map(|size| {
                let policy = Box::new(Paging::new(ARENA, size).with_frames());
                let name = format!("pages of {}", bytes(size));
                (name, policy as Box<dyn Placement>)
            })
            .into(),
    }
}

/// Fragments one arena and asks for 16 KiB; the cells of its row.
fn fragment(sum: &mut Sum, arm: Arm, policy: Box<dyn Placement>) -> Result<Vec<String>> {
    let mut memory = CheckedArena::new(policy)?;
    sum.mapped &= is_mapped(&mappings()?, &addresses(memory.memory()), "rw-p");
    let mut parts: Vec<Block> = Vec::new();
    while let Some(part) = memory.place(PART_SIZE)? {
        parts.push(part);
    }
    let is_one_run = |&part| memory.policy().extents(part, PART_SIZE).len() == 1;
    sum.contiguous &= parts.iter().all(is_one_run);
    let pages = ARENA / super::page_size() as u64;
    sum.filled &= parts.len() as u64 == PARTS && present(memory.memory())? == pages;
    let mut kept = Vec::new();
    for (i, part) in parts.into_iter().enumerate() {
        if i % 2 == 0 {
            memory.free(part)?
        } else {
            kept.push(part)
        }
    }
    sum.alternate &= is_alternate(memory.policy(), &kept);
    let (free, longest) = (memory.policy().free_bytes(), memory.policy().largest());
    let large = memory.place(2 * PART_SIZE)?;
    sum.failed += u64::from(large.is_none() && free == ARENA / 2);
    let outcome = if large.is_some() { "placed" } else { "fails" };
    if arm == Arm::Control {
        memory.spoil(kept[0])?;
    }
    for part in kept.into_iter().chain(large) {
        sum.changed += memory.give_back(part)?;
    }
    Ok(vec![bytes(free), bytes(longest), outcome.into()])
}

/// Whether half of the parts are there, and no two of them lie side by side.
fn is_alternate(policy: &dyn Placement, parts: &[Block]) -> bool {
    let mut runs: Vec<Extent> = Vec::new();
    let extents = parts
        .iter()
        .flat_map(|&part| policy.extents(part, PART_SIZE));
    let mut extents: Vec<Extent> = extents.collect();
    extents.sort();
    for extent in extents {
        match runs.last_mut() {
            Some(last) if last.end() == extent.start => last.len += extent.len,
            _ => runs.push(extent),
        }
    }
    let (lone, apart) = (
        runs.iter().all(|run| run.len == PART_SIZE),
        runs.windows(2)
            .all(|pair| pair[1].start - pair[0].end() == PART_SIZE),
    );
    runs.len() as u64 == PARTS / 2 && lone && apart
}
