//! Half of the heap is freed, and neither the system nor a large request can have it.

use anyhow::Result;
use claim::Prediction::{AtLeast, AtMost, Between};
use claim::{Arm, Claim, Name, Quantity, Reading};
use present::units::bytes;

use crate::glibc::{self, FragmentedHeap};

const BLOCKS: usize = 20_000;
const SIZE: usize = 1000;

/// A few blocks wait in the thread's cache and are no holes; a few holes were there before.
const HOLES: Quantity = Name("separate holes in the heap").predict(
    Between(BLOCKS as f64 * 0.49, BLOCKS as f64 * 0.51),
    AtMost(BLOCKS as f64 * 0.01),
);
const LARGEST: Quantity = Name("largest request that fits, as a share of the free bytes")
    .predict(AtMost(0.05), AtLeast(0.9));
const RETURNED: Quantity =
    Name("resident memory that malloc_trim gives back, as a share of the free bytes")
        .predict(AtMost(0.1), AtLeast(0.5));

pub(super) const CLAIM: Claim = Claim {
    id: "heap-holes",
    statement: "Free memory in many small holes serves nobody: after every second block is freed, \
                half of the heap is free, no large request fits, and no page can go back to the \
                system.",
    measures: "In a child, allocates 20,000 blocks of 1000 bytes, frees every second one, counts \
               the holes (mallinfo2), forbids the heap to grow (RLIMIT_DATA), looks for the \
               largest malloc that succeeds, and asks for the resident size before and after \
               malloc_trim.",
    control: "frees the upper half of the blocks instead: as many bytes, in one hole",
    notes: &[46],
    needs: &["glibc's malloc"],
    syscalls: &["brk", "prlimit64"],
    man: &["malloc(3)", "mallinfo(3)", "malloc_trim(3)", "getrlimit(2)"],
    quantities: &[HOLES, LARGEST, RETURNED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    super::ask_for(BLOCKS * SIZE)?;
    let freed: fn(usize) -> bool = match arm {
        Arm::Experiment => |i| i % 2 == 1,
        Arm::Control => |i| i >= BLOCKS / 2,
    };
    // A child of its own: the heap that is frozen and fragmented here ends with it.
    let heap = child::fork("heap", move |_| {
        Ok(glibc::fragment_heap(BLOCKS, SIZE, freed)?)
    })?;
    let heap: FragmentedHeap = heap.join()?;
    let free = heap.free.max(1) as f64;
    let returned = heap.resident.saturating_sub(heap.trimmed);
    Ok(Reading::counters()
        .with(&HOLES, heap.holes)
        .with(&LARGEST, heap.largest as f64 / free)
        .with(&RETURNED, returned as f64 / free)
        .note(format!(
            "{} free; the largest request that fits has {} bytes",
            bytes(heap.free),
            heap.largest
        ))
        .note(format!(
            "resident before malloc_trim {}, after {}",
            bytes(heap.resident),
            bytes(heap.trimmed)
        )))
}
