//! One policy in one arena, on one trace.

use placement::{Block, Placement};
use serde::Serialize;

use super::Policy;
use crate::trace::{Op, SlotTable};

/// The state of memory after some operations. Bytes, unless the name says otherwise.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Sample {
    /// Operations done.
    pub operation: u64,
    /// Bytes asked for by the blocks that are live and placed.
    pub live_bytes: u64,
    /// Bytes that those blocks take up; the surplus is internal fragmentation.
    pub allotted_bytes: u64,
    /// End of the highest byte in use; for paging the frames in use.
    pub footprint_bytes: u64,
    /// Free bytes of the arena.
    pub free_bytes: u64,
    /// Largest request that would succeed.
    pub largest_request_bytes: u64,
    /// Holes between and after the blocks, as a number.
    pub holes: usize,
    /// Live, placed blocks, as a number.
    pub blocks: usize,
}

impl Sample {
    /// Share of the bytes in use that were not asked for, 0 to 1.
    pub fn internal(&self) -> f64 {
        share(self.allotted_bytes - self.live_bytes, self.allotted_bytes)
    }

    /// Share of the free bytes that the largest possible request cannot use, 0 to 1.
    pub fn external(&self) -> f64 {
        share(
            self.free_bytes.saturating_sub(self.largest_request_bytes),
            self.free_bytes,
        )
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// What to do, and keep, while a run goes on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RunOptions {
    /// Stop at the first request that fails.
    pub stop_at_failure: bool,
    /// Follow the highest end of a block.
    pub footprint: bool,
    /// Keep a [`Sample`] every so many operations; 0 keeps none.
    pub sample_every: u64,
}

/// A policy in an arena, and what is counted of it.
pub(super) struct PolicyRun {
    /// The policy.
    pub policy: Policy,
    /// Bytes of the arena that was asked for.
    pub arena: u64,
    /// Requests that found no room.
    pub failures: u64,
    /// Of these, requests for which enough was free in all: external fragmentation and nothing
    /// else.
    pub failures_with_enough_free: u64,
    /// Requests that got room.
    pub placements: u64,
    /// Of these, the ones that filled a hole exactly, leaving no rest.
    pub exact: u64,
    /// Highest sum of allotted bytes.
    pub peak_allotted: u64,
    /// Highest end of a block, when [`RunOptions::footprint`] asks for it; only policies with
    /// [`Policy::settles_low`] can say.
    pub peak_footprint: u64,
    /// The samples that [`RunOptions::sample_every`] asks for.
    pub samples: Vec<Sample>,
    memory: Box<dyn Placement>,
    blocks: SlotTable<(Block, u64)>,
    options: RunOptions,
    operations: u64,
    live_bytes: u64,
    allotted_bytes: u64,
    live_blocks: usize,
}

impl PolicyRun {
    /// An empty arena under `policy`.
    pub fn new(policy: Policy, arena: u64, options: RunOptions) -> Self {
        PolicyRun {
            policy,
            arena,
            failures: 0,
            failures_with_enough_free: 0,
            placements: 0,
            exact: 0,
            peak_allotted: 0,
            peak_footprint: 0,
            samples: Vec::new(),
            memory: policy.build(arena),
            blocks: SlotTable::new(),
            options,
            operations: 0,
            live_bytes: 0,
            allotted_bytes: 0,
            live_blocks: 0,
        }
    }

    /// Whether there is nothing more to learn from this run.
    pub fn has_stopped(&self) -> bool {
        self.options.stop_at_failure && self.failures > 0
    }

    /// Bytes that compaction moved.
    pub fn moved_bytes(&self) -> u64 {
        self.memory.moved_bytes()
    }

    /// Carries out one operation.
    pub fn step(&mut self, op: Op) {
        self.operations += 1;
        // A slot is empty where the block had found no room.
        if let Some((block, size)) = self.blocks.take(op) {
            self.free(block, size);
        }
        if let Some(size) = op.size()
            && let Some(block) = self.place(size)
        {
            self.blocks.put(op, (block, size));
        }
        let every = self.options.sample_every;
        if every > 0 && self.operations.is_multiple_of(every) {
            self.samples.push(self.sample());
        }
    }

    fn place(&mut self, size: u64) -> Option<Block> {
        let holes = self.memory.holes();
        let Some(block) = self.memory.place(size) else {
            self.failures += 1;
            if self.memory.free_bytes() >= self.memory.allotted(size) {
                self.failures_with_enough_free += 1;
            }
            return None;
        };
        self.placements += 1;
        self.exact += u64::from(self.memory.holes() < holes);
        self.live_blocks += 1;
        self.live_bytes += size;
        self.allotted_bytes += self.memory.allotted(size);
        self.peak_allotted = self.peak_allotted.max(self.allotted_bytes);
        if self.options.footprint {
            let end = self.memory.start(block) + self.memory.allotted(size);
            self.peak_footprint = self.peak_footprint.max(end);
        }
        Some(block)
    }

    fn free(&mut self, block: Block, size: u64) {
        self.memory.free(block, size);
        self.live_blocks -= 1;
        self.live_bytes -= size;
        self.allotted_bytes -= self.memory.allotted(size);
    }

    fn sample(&self) -> Sample {
        Sample {
            operation: self.operations,
            live_bytes: self.live_bytes,
            allotted_bytes: self.allotted_bytes,
            footprint_bytes: self.memory.footprint(),
            free_bytes: self.memory.free_bytes(),
            largest_request_bytes: self.memory.largest(),
            holes: self.memory.holes(),
            blocks: self.live_blocks,
        }
    }
}
