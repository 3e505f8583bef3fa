//! What the operations of a trace add up to.

use super::Op;
use super::slots::SlotTable;

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
    pub fn from_operations(ops: &[Op]) -> Summary {
        let mut sizes = SlotTable::new();
        let mut summary = Summary::default();
        for &op in ops {
            let (freed, placed) = (sizes.take(op), op.size());
            if let Some(size) = placed {
                sizes.put(op, size);
            }
            summary.count(freed, placed);
            summary.slots = summary.slots.max(op.slot() + 1);
        }
        summary
    }

    /// Counts one operation: the size of the block that it freed and of the block that it placed.
    pub(super) fn count(&mut self, freed: Option<u64>, placed: Option<u64>) {
        let (freed_bytes, placed_bytes) = (freed.unwrap_or(0), placed.unwrap_or(0));
        self.operations += 1;
        self.live_bytes = self.live_bytes - freed_bytes + placed_bytes;
        self.live_blocks =
            self.live_blocks - u64::from(freed.is_some()) + u64::from(placed.is_some());
        self.peak_bytes = self.peak_bytes.max(self.live_bytes);
        self.peak_blocks = self.peak_blocks.max(self.live_blocks);
        self.total_bytes = self.total_bytes.saturating_add(placed_bytes);
    }
}
