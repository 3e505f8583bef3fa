//! Slots, by which the operations of a trace name their blocks: numbers that are used again.

use super::Op;

/// Gives out slots, those that were given back first, so that the highest follows the number of
/// live blocks.
#[derive(Default)]
pub(crate) struct SlotNumbers {
    spare: Vec<u32>,
    used: u32,
}

impl SlotNumbers {
    /// A slot that no live block has.
    pub fn take(&mut self) -> u32 {
        self.spare.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        })
    }

    /// Gives the slot of a freed block back.
    pub fn give_back(&mut self, slot: u32) {
        self.spare.push(slot);
    }

    /// How many different slots were given out.
    pub fn count(&self) -> u32 {
        self.used
    }
}

/// What is known of the block in each slot.
#[derive(Debug)]
pub(crate) struct SlotTable<T> {
    entries: Vec<Option<T>>,
}

impl<T> SlotTable<T> {
    /// A table of which every slot is empty.
    pub fn new() -> Self {
        SlotTable {
            entries: Vec::new(),
        }
    }

    /// Empties the slot of an operation: what stood in it, if anything did.
    pub fn take(&mut self, op: Op) -> Option<T> {
        self.entries.get_mut(op.slot() as usize)?.take()
    }

    /// Fills the slot of an operation.
    pub fn put(&mut self, op: Op, entry: T) {
        let slot = op.slot() as usize;
        if self.entries.len() <= slot {
            self.entries.resize_with(slot + 1, || None);
        }
        self.entries[slot] = Some(entry);
    }

    /// What stands in the slots in the end.
    pub fn into_entries(self) -> impl Iterator<Item = T> {
        self.entries.into_iter().flatten()
    }
}
