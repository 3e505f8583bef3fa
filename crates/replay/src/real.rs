//! The given arena once more, laid over real memory: every block written, moved and checked.

use harness::interrupt::Interrupt;
use nix::sys::signal::Signal;
use placement::{Block, Paging, Placement, Segments};
use serde::Serialize;

use super::arena::{ArenaError, CheckedArena};
use super::{Error, Policy, ReplayOptions, Source};
use crate::trace::{Op, SlotTable};

/// A policy's run over real memory.
#[derive(Debug, Clone, Serialize)]
pub struct RealMemory {
    /// The policy.
    pub policy: String,
    /// Blocks whose every byte was written and, when they were freed or left over, found as
    /// written.
    pub blocks_checked: u64,
    /// Requests that failed; the same number as on plain offsets.
    pub failures: u64,
}

/// The runs of all policies over real memory.
#[derive(Debug)]
pub struct RealCheck {
    /// The policies that replayed the whole trace.
    pub policies: Vec<RealMemory>,
    /// The signal that ended the check before the others could, when one came.
    pub interrupted: Option<Signal>,
}

/// How one policy's run ended.
enum PolicyCheck {
    Complete(RealMemory),
    Interrupted(Signal),
}

/// Runs every policy in a mapping of `arena` bytes.
///
/// # Errors
/// [`Error::ArenaTooLarge`]; [`Error::Arena`] where the arena cannot be mapped or a block's bytes
/// were not what was written; [`Error::Trace`] and others where the trace can no longer be read.
pub fn check(
    source: &Source,
    options: &ReplayOptions,
    arena: u64,
    interrupt: &Interrupt,
) -> Result<RealCheck, Error> {
    let available = observe::memory::available_memory().map_err(Error::AvailableMemory)?;
    if arena > available / 2 {
        return Err(Error::ArenaTooLarge { arena, available });
    }
    let mut policies = Vec::new();
    for policy in Policy::all(&options.page_sizes) {
        match check_policy(source, policy, arena, interrupt)? {
            PolicyCheck::Complete(outcome) => policies.push(outcome),
            PolicyCheck::Interrupted(signal) => {
                return Ok(RealCheck {
                    policies,
                    interrupted: Some(signal),
                });
            }
        }
    }
    Ok(RealCheck {
        policies,
        interrupted: None,
    })
}

/// Runs one policy over real memory. Blocks that live to the end of the trace are checked there.
fn check_policy(
    source: &Source,
    policy: Policy,
    arena: u64,
    interrupt: &Interrupt,
) -> Result<PolicyCheck, Error> {
    let fault = |source| Error::Arena {
        policy: policy.name(),
        source,
    };
    let placement: Box<dyn Placement> = match policy {
        Policy::Segments => Box::new(Segments::new(arena).with_moves()),
        Policy::Paging(page) => Box::new(Paging::new(arena, page).with_frames()),
        _ => policy.build(arena),
    };
    let mut outcome = RealMemory {
        policy: policy.name(),
        blocks_checked: 0,
        failures: 0,
    };
    if placement.arena() == 0 {
        // Not one page fits: every request fails, and there is nothing to map.
        let interrupted = source.visit(interrupt, |op| {
            outcome.failures += u64::from(op.size().is_some());
            true
        })?;
        return Ok(interrupted.map_or(PolicyCheck::Complete(outcome), PolicyCheck::Interrupted));
    }
    let mut memory = CheckedArena::new(placement).map_err(fault)?;
    let mut blocks = SlotTable::new();
    let mut result = Ok(());
    let interrupted = source.visit(interrupt, |op| {
        result = step(op, &mut memory, &mut blocks, &mut outcome);
        result.is_ok()
    })?;
    result.map_err(fault)?;
    if let Some(signal) = interrupted {
        return Ok(PolicyCheck::Interrupted(signal));
    }
    for block in blocks.into_entries() {
        memory.free(block).map_err(fault)?;
        outcome.blocks_checked += 1;
    }
    Ok(PolicyCheck::Complete(outcome))
}

/// Carries out one operation and counts its result.
fn step(
    op: Op,
    memory: &mut CheckedArena,
    blocks: &mut SlotTable<Block>,
    outcome: &mut RealMemory,
) -> Result<(), ArenaError> {
    if let Some(block) = blocks.take(op) {
        memory.free(block)?;
        outcome.blocks_checked += 1;
    }
    if let Some(size) = op.size() {
        match memory.place(size)? {
            Some(block) => blocks.put(op, block),
            None => outcome.failures += 1,
        }
    }
    Ok(())
}
