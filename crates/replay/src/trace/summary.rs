//! What the operations of a trace add up to.

use super::Op;

/// The sums over the operations read so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Operations read.
    pub operations: u64,
    /// Blocks live now.
    pub live_blocks: u64,
    /// Bytes live now, as asked for.
    pub live_bytes: u64,
    /// Most blocks live at once.
    pub peak_blocks: u64,
    /// Most bytes live at once, as asked for.
    pub peak_bytes: u64,
    /// Bytes ever asked for.
    pub total_bytes: u64,
    /// Slots needed: one more than the highest used.
    pub slots: u32,
    /// Why the trace is not complete, when it is not.
    pub partial: Option<String>,
    /// Why valgrind could not go on, in its own lines, when it said so.
    pub complaint: Option<String>,
    /// Lines left out on purpose, and why.
    pub notes: Vec<String>,
}

impl Summary {
    /// The sums over operations already at hand.
    pub fn of(ops: &[Op]) -> Summary {
        let mut sizes: Vec<u64> = Vec::new();
        let mut summary = Summary {
            operations: ops.len() as u64,
            ..Summary::default()
        };
        for &op in ops {
            let (slot, size) = match op {
                Op::Place { slot, size } | Op::Resize { slot, size } => (slot as usize, size),
                Op::Free { slot } => (slot as usize, 0),
            };
            if sizes.len() <= slot {
                sizes.resize(slot + 1, 0);
            }
            let was = std::mem::replace(&mut sizes[slot], size);
            summary.live_bytes = summary.live_bytes - was + size;
            summary.live_blocks = summary.live_blocks - u64::from(was > 0) + u64::from(size > 0);
            summary.peak_bytes = summary.peak_bytes.max(summary.live_bytes);
            summary.peak_blocks = summary.peak_blocks.max(summary.live_blocks);
            summary.total_bytes = summary.total_bytes.saturating_add(size);
        }
        summary.slots = sizes.len() as u32;
        summary
    }
}
