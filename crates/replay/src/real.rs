//! The given arena once more, laid over real memory: every block written, moved and checked.

use anyhow::{Result, ensure};
use harness::interrupt::Interrupt;
use nix::sys::signal::Signal;
use placement::{Block, Paging, Placement, Segments};
use present::units::bytes;
use serde::Serialize;

use super::{Options, Policy, Source};
use crate::arena::Checked;
use crate::trace::Op;

/// A policy's run over real memory.
#[derive(Debug, Clone, Serialize)]
pub struct RealMemory {
    /// The policy.
    pub policy: String,
    /// Blocks whose every byte was written and, when they were freed or left over, found as written.
    pub blocks_checked: u64,
    /// Requests that failed; the same number as on plain offsets.
    pub failures: u64,
}

/// Runs every policy in a mapping of `arena` bytes; when a signal comes, the policies seen through by then
/// are in the list.
///
/// # Errors
/// The arena is larger than the memory at hand; a block's bytes were not what was written.
pub fn check(
    source: &Source,
    options: &Options,
    arena: u64,
    interrupt: &Interrupt,
) -> Result<(Vec<RealMemory>, Option<Signal>)> {
    let available = observe::memory::available_memory()?;
    ensure!(
        arena <= available / 2,
        "an arena of {} is more than half of the available memory ({}); without --real it needs none",
        bytes(arena),
        bytes(available)
    );
    let mut checked = Vec::new();
    for policy in Policy::all(&options.page_sizes) {
        match one(source, policy, arena, interrupt)? {
            Ok(outcome) => checked.push(outcome),
            Err(signal) => return Ok((checked, Some(signal))),
        }
    }
    Ok((checked, None))
}

fn one(
    source: &Source,
    policy: Policy,
    arena: u64,
    interrupt: &Interrupt,
) -> Result<Result<RealMemory, Signal>> {
    let rule: Box<dyn Placement> = match policy {
        Policy::Segments => Box::new(Segments::new(arena).with_moves()),
        Policy::Paging(page) => Box::new(Paging::new(arena, page).with_frames()),
        _ => policy.build(arena),
    };
    let mut outcome = RealMemory {
        policy: policy.name(),
        blocks_checked: 0,
        failures: 0,
    };
    if rule.arena() == 0 {
        // Not one page fits.
        let cut = source.each(interrupt, |op| {
            outcome.failures += u64::from(!matches!(op, Op::Free { .. }));
            true
        })?;
        return Ok(cut.map_or(Ok(outcome), Err));
    }
    let mut memory = Checked::new(rule)?;
    let mut blocks: Vec<Option<Block>> = Vec::new();
    let mut step = |op: Op| -> Result<()> {
        let (slot, size) = match op {
            Op::Place { slot, size } | Op::Resize { slot, size } => (slot as usize, Some(size)),
            Op::Free { slot } => (slot as usize, None),
        };
        if blocks.len() <= slot {
            blocks.resize(slot + 1, None);
        }
        if let Some(block) = blocks[slot].take() {
            memory.free(block)?;
            outcome.blocks_checked += 1;
        }
        if let Some(size) = size {
            blocks[slot] = memory.place(size)?;
            outcome.failures += u64::from(blocks[slot].is_none());
        }
        Ok(())
    };
    let mut result = Ok(());
    let cut = source.each(interrupt, |op| {
        result = step(op);
        result.is_ok()
    })?;
    result.map_err(|error| error.context(policy.name()))?;
    if let Some(signal) = cut {
        return Ok(Err(signal));
    }
    for block in blocks.into_iter().flatten() {
        memory.free(block)?;
        outcome.blocks_checked += 1;
    }
    Ok(Ok(outcome))
}
