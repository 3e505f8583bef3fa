//! A segment is exactly as long as what it holds.

use anyhow::{Context, Result};
use claim::Prediction::{AtLeast, Between, Count};
use claim::{Act, Arm, Claim, Does, InControl, Name, Quantity, Reading};
use harness::memory::present;
use placement::{Block, FirstFit, Paging, Placement};
use replay::arena::CheckedArena;
use replay::trace::generate::Random;

use crate::evidence::{addresses, is_mapped, mappings};

const REQUESTS: usize = 500;
const PAGE: u64 = 4096;
const ARENA: u64 = 8 << 20;

const WASTE: Quantity = Name("bytes given and not asked for, in all")
    .predict(Count(0), AtLeast(1.0))
    .unit("bytes");
/// The tail of a part of random length fills half of its last page.
const LOST: Quantity = Name("mean loss for each of 500 parts")
    .predict(Count(0), Between(0.4, 0.6))
    .unit("pages");
const CHANGED: Quantity = Name("bytes that read back otherwise than they were written")
    .count(0, 1)
    .unit("bytes");

const MAP: Act = Does("maps an arena of 8 MiB")
    .call(
        "mmap",
        "8388608, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS",
    )
    .shown_by("its addresses with rw-p in /proc/self/maps");
const PLACE: Act = Does("places 500 parts of 1 to 8192 bytes, each right behind the one before")
    .in_memory()
    .shown_by("each part is one run of bytes and begins where the one before ends")
    .in_control(InControl::Not);
const FILL: Act = Does("fills each part with a pattern of its own")
    .in_memory()
    .shown_by("pagemap has as many pages of the arena in memory as the parts take");

pub(super) const CLAIM: Claim = Claim {
    id: "segments-fit-exactly",
    statement: "Parts of variable size, placed byte by byte, waste nothing inside: segmentation, \
                simulated, has no internal fragmentation.",
    measures: "Simulates segments: places 500 parts of 1 to 8192 bytes in a real mapping with \
               first fit, fills each of them with a pattern of its own, adds up what each takes \
               away from the free bytes, and checks every byte at the end.",
    control: "the same parts in simulated pages of 4096 bytes; one byte of them overwritten on \
              purpose",
    notes: &[38, 39, 40],
    example: Some("segment_of_1000_bytes"),
    acts: &[MAP, PLACE, FILL],
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
    let mut parts: Vec<(Block, u64)> = Vec::new();
    for _ in 0..REQUESTS {
        let size = 1 + random.below(2 * PAGE);
        let part = memory.place(size)?.context("the arena is too small")?;
        parts.push((part, size));
    }
    let asked: u64 = parts.iter().map(|(_, size)| size).sum();
    let given = ARENA - memory.policy().free_bytes();
    let waste = given
        .checked_sub(asked)
        .context("less was given than asked for")?;
    let mapped = is_mapped(&mappings()?, &addresses(memory.memory()), "rw-p");
    let filled = present(memory.memory())? >= given / super::page_size() as u64;
    let adjoins = is_without_gaps(memory.policy(), &parts);
    if arm == Arm::Control {
        memory.spoil(parts[0].0)?;
    }
    let mut changed = 0;
    for (part, _) in parts {
        changed += memory.give_back(part)?;
    }
    Ok(Reading::counters()
        .act(&MAP, mapped)
        .act(&PLACE, adjoins)
        .act(&FILL, filled)
        .with(&WASTE, waste)
        .with(&LOST, waste as f64 / (REQUESTS as u64 * PAGE) as f64)
        .with(&CHANGED, changed)
        .note(format!("{asked} bytes asked for in {REQUESTS} parts")))
}

/// Whether there are 500 parts, each one run of bytes of its size right behind the part before.
fn is_without_gaps(policy: &dyn Placement, parts: &[(Block, u64)]) -> bool {
    let mut end = 0;
    parts.len() == 500
        && parts.iter().all(|&(part, size)| {
            let start = end;
            end += size;
            let extents = policy.extents(part, size);
            matches!(extents[..], [extent] if extent.start == start && extent.end() == end)
        })
}
