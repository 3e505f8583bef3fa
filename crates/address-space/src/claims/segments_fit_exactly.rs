//! A segment is exactly as long as what it holds.

use std::time::Duration;

use anyhow::{Context, Result};
use claim::{Arm, Claim, Prediction, Quantity, Reading};
use placement::{FirstFit, Paging, Placement};
use replay::arena::CheckedArena;
use replay::trace::generate::Random;

const REQUESTS: u64 = 1000;
const PAGE: u64 = 4096;
const ARENA: u64 = 16 << 20;

const WASTE: &str = "bytes given and not asked for, in all";
const LOST: &str = "mean loss for each part";
const CHANGED: &str = "bytes that read back otherwise than they were written";

/// The claim.
pub const CLAIM: Claim = Claim {
    id: "segments-fit-exactly",
    topic: "address-space",
    statement: "Parts of variable size, placed byte by byte, waste nothing inside: segmentation has \
                no internal fragmentation.",
    measures: "Places 1000 parts of 1 to 8192 bytes in a real mapping with first fit, fills each of \
               them with a pattern of its own, adds up what each takes away from the free bytes, and \
               checks every byte at the end.",
    control: "the same parts in pages of 4096 bytes; one byte of them overwritten on purpose",
    notes: &[38, 39, 40],
    needs: &[],
    syscalls: &["mmap"],
    man: &["mmap(2)"],
    quantities: &[
        Quantity {
            name: WASTE,
            unit: "bytes",
            experiment: Prediction::Count(0),
            control: Prediction::AtLeast(1.0),
        },
        // The tail of a part of random length fills half of its last page.
        Quantity {
            name: LOST,
            unit: "pages",
            experiment: Prediction::AtMost(0.0),
            control: Prediction::Between(0.4, 0.6),
        },
        Quantity {
            name: CHANGED,
            unit: "bytes",
            experiment: Prediction::Count(0),
            control: Prediction::Count(1),
        },
    ],
    limit: Duration::from_secs(30),
    measure,
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
        .with(WASTE, waste)
        .with(LOST, waste as f64 / (REQUESTS * PAGE) as f64)
        .with(CHANGED, changed)
        .note(format!("{asked} bytes asked for in {REQUESTS} parts")))
}
