//! Half of the heap is freed, and neither the system nor a large request can have it.

use anyhow::Result;
use claim::Prediction::{AtLeast, AtMost, Between};
use claim::{Act, Arm, Claim, Does, InControl, Name, NotMeasured, Quantity, Reading, Surprise};
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
    .predict(AtMost(0.05), AtLeast(0.9))
    .main();
const RETURNED: Quantity =
    Name("resident memory that malloc_trim gives back, as a share of the free bytes")
        .predict(AtMost(0.1), AtLeast(0.5));

const OWN_MALLOC: &str = "run it with glibc's own malloc, without LD_PRELOAD and without settings \
                          of it (MALLOC_*, GLIBC_TUNABLES)";
const ALLOCATE: Act = Does("allocates 20,000 blocks of 1000 bytes")
    .call("brk", "")
    .by("heap")
    .shown_by("[heap] in /proc/self/maps and the bytes in use of mallinfo2 grow by 20 MB")
    .or_not_measured(OWN_MALLOC);
const FREE: Act = Does("frees half of the blocks")
    .in_memory()
    .by("heap")
    .shown_by("the bytes in use of mallinfo2 fall by 10 MB")
    .or_not_measured(OWN_MALLOC);
const EVERY_SECOND: Act = Does("frees no two blocks side by side")
    .in_memory()
    .by("heap")
    .shown_by("blocks of the same size come back at addresses of the freed ones, none side by side")
    .in_control(InControl::Not)
    .or_not_measured(OWN_MALLOC);
const FREEZE: Act = Does("forbids the heap to grow")
    .call("prlimit64", "RLIMIT_DATA, {rlim_cur=4*1024")
    .by("heap")
    .shown_by("malloc of more than is free fails")
    .or_not_measured("use a kernel that keeps RLIMIT_DATA or RLIMIT_AS");
const TRIM: Act = Does("gives back what malloc_trim can")
    .call("brk", "")
    .by("heap")
    .shown_by("the end of the heap falls, as brk(0) tells it")
    .or_not_measured(OWN_MALLOC);

pub(super) const CLAIM: Claim = Claim {
    id: "heap-holes",
    statement: "Free memory in many small holes serves no large request: after every second \
                block of a heap is freed, half of it is free, a twentieth of that does not fit, \
                and hardly a page goes back to the system.",
    measures: "In a child, allocates 20,000 blocks of 1000 bytes, frees every second one, counts \
               the holes (mallinfo2), forbids the heap to grow (RLIMIT_DATA), looks for the \
               largest malloc that succeeds, and asks for the resident size before and after \
               malloc_trim.",
    control: "frees the upper half of the blocks instead: as many bytes, in one hole",
    surprise: Some(Surprise::Great(
        "half of the heap is free, and no twentieth of that can be had",
    )),
    notes: &[46],
    example: Some("holes_too_small"),
    needs: &["glibc's malloc"],
    acts: &[ALLOCATE, FREE, EVERY_SECOND, FREEZE, TRIM],
    man: &["malloc(3)", "mallinfo(3)", "malloc_trim(3)", "getrlimit(2)"],
    quantities: &[HOLES, LARGEST, RETURNED],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    if cfg!(not(target_env = "gnu")) {
        let why = "this program is not linked with glibc";
        return NotMeasured::err(why, "build it for a -gnu target");
    }
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
    // 20,000 blocks of 1000 bytes.
    let asked = 20_000_000;
    Ok(Reading::counters()
        .act(&ALLOCATE, heap.heap_grew >= asked && heap.use_grew >= asked)
        .act(&FREE, heap.use_fell >= asked / 100 * 49)
        .act(&EVERY_SECOND, heap.came_back_apart)
        .act(&FREEZE, heap.is_frozen)
        .act(&TRIM, heap.heap_shrank > 0)
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
