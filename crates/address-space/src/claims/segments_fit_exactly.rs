//! A segment is exactly as long as what it holds.

use anyhow::{Context, Result};
use claim::Prediction::{AtLeast, AtMost, Between, Count};
use claim::{Arm, Claim, Name, Quantity, Reading};
use placement::{FirstFit, Paging, Placement};
use replay::arena::CheckedArena;
use replay::trace::generate::Random;

const REQUESTS: u64 = 1000;
const PAGE: u64 = 4096;
const ARENA: u64 = 16 << 20;

const WASTE: Quantity = Name("bytes given and not asked for, in all")
    .predict(Count(0), AtLeast(1.0))
    .unit("bytes");
/// The tail of a part of random length fills half of its last page.
const LOST: Quantity = Name("mean loss for each part")
    .predict(AtMost(0.0), Between(0.4, 0.6))
    .unit("pages");
const CHANGED: Quantity = Name("bytes that read back otherwise than they were written")
    .count(0, 1)
    .unit("bytes");

pub(super) const CLAIM: Claim = Claim {
    id: "segments-fit-exactly",
    statement: "Parts of variable size, placed byte by byte, waste nothing inside: segmentation \
                has no internal fragmentation.",
    measures: "Places 1000 parts of 1 to 8192 bytes in a real mapping with first fit, fills each \
               of them with a pattern of its own, adds up what each takes away from the free \
               bytes, and checks every byte at the end.",
    control: "the same parts in pages of 4096 bytes; one byte of them overwritten on purpose",
    notes: &[38, 39, 40],
    syscalls: &["mmap"],
    man: &["mmap(2)"],
    quantities: &[WASTE, LOST, CHANGED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    super::ask_for(ARENA as usize)?;
    let policy: Box<dyn Placement> = match arm {
        Arm::Experiment => Box::new(FirstFit::new(ARENA)),
        Arm::Control => Box::new(Paging::new(ARENA, PAGE).with_frames()),
    };
    let mut memory = CheckedArena::new(policy)?;
    let mut random = Random::new(1);
    let mut asked = 0;
    let mut blocks = Vec::new();
    for _ in 0..REQUESTS {
        let size = 1 + random.below(2 * PAGE);
        asked += size;
        blocks.push(memory.place(size)?.context("the arena is too small")?);
    }
    let given = ARENA - memory.policy().free_bytes();
    let waste = given
        .checked_sub(asked)
        .context("less was given than asked for")?;
    if arm == Arm::Control {
        memory.spoil(blocks[0])?;
    }
    let mut changed = 0;
    for block in blocks {
        changed += memory.give_back(block)?;
    }
    Ok(Reading::counters()
        .with(&WASTE, waste)
        .with(&LOST, waste as f64 / (REQUESTS * PAGE) as f64)
        .with(&CHANGED, changed)
        .note(format!("{asked} bytes asked for in {REQUESTS} parts")))
}
