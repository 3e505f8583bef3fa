//! Enough is free, and yet no part of it is long enough.

use anyhow::{Result, ensure};
use claim::{Arm, Claim, Name, Quantity, Reading, Table};
use placement::{BestFit, Buddy, FirstFit, NextFit, Paging, Placement, SegregatedFit, WorstFit};
use present::units::bytes;
use replay::arena::CheckedArena;

const ARENA: u64 = 4 << 20;
const PART_SIZE: u64 = 64 << 10;

const FAILED: Quantity = Name("arenas of six in which 128 KiB fail with 2 MiB free").count(6, 0);
const CHANGED: Quantity = Name("bytes that read back otherwise than they were written")
    .count(0, 6)
    .unit("bytes");

pub(super) const CLAIM: Claim = Claim {
    id: "segments-fragment-externally",
    statement: "Where parts must be contiguous, a request can fail although enough is free in \
                total: segmentation has external fragmentation, whatever the placement policy.",
    measures: "Fills a real mapping of 4 MiB with parts of 64 KiB, frees every second one, and \
               asks for 128 KiB; with first, next, best, worst and segregated fit and a buddy \
               system. Every byte of every part is checked.",
    control: "the same requests served in pages of 2, 4, 8, 16, 32 and 64 KiB: any free frame will \
              do; one byte in each of the six overwritten on purpose",
    notes: &[38, 46],
    syscalls: &["mmap"],
    man: &["mmap(2)"],
    quantities: &[FAILED, CHANGED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    super::ask_for(ARENA as usize)?;
    let policies: Vec<(String, Box<dyn Placement>)> = match arm {
        Arm::Experiment => vec![
            ("first fit".into(), Box::new(FirstFit::new(ARENA))),
            ("next fit".into(), Box::new(NextFit::new(ARENA))),
            ("best fit".into(), Box::new(BestFit::new(ARENA))),
            ("worst fit".into(), Box::new(WorstFit::new(ARENA))),
            ("segregated fit".into(), Box::new(SegregatedFit::new(ARENA))),
            ("buddy".into(), Box::new(Buddy::new(ARENA))),
        ],
        Arm::Control => [2, 4, 8, 16, 32, 64]
            .map(|kib| {
                let policy = Box::new(Paging::new(ARENA, kib << 10).with_frames());
                (format!("pages of {kib} KiB"), policy as Box<dyn Placement>)
            })
            .into(),
    };
    let mut table = Table::new(
        "128 KiB asked for",
        &["policy", "free", "longest run", "128 KiB"],
    );
    let (mut failed, mut changed) = (0u64, 0);
    for (name, policy) in policies {
        let mut memory = CheckedArena::new(policy)?;
        let mut parts = Vec::new();
        while let Some(part) = memory.place(PART_SIZE)? {
            parts.push(part);
        }
        ensure!(
            parts.len() as u64 == ARENA / PART_SIZE,
            "{name}: {} parts placed",
            parts.len()
        );
        let kept = parts.split_off(0).into_iter().enumerate();
        for (i, part) in kept {
            if i % 2 == 0 {
                memory.free(part)?
            } else {
                parts.push(part)
            }
        }
        let (free, longest) = (memory.policy().free_bytes(), memory.policy().largest());
        ensure!(free == ARENA / 2, "{name}: {free} bytes free");
        let large = memory.place(2 * PART_SIZE)?;
        failed += u64::from(large.is_none());
        let outcome = if large.is_some() { "placed" } else { "fails" };
        table.row([name, bytes(free), bytes(longest), outcome.into()]);
        if arm == Arm::Control {
            memory.spoil(parts[0])?;
        }
        for part in parts.into_iter().chain(large) {
            changed += memory.give_back(part)?;
        }
    }
    Ok(Reading::counters()
        .with(&FAILED, failed)
        .with(&CHANGED, changed)
        .table(table))
}
