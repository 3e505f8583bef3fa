//! Looking for the smallest arena in which no request fails.
//!
//! A sum of sizes is a floor under every answer. Between a failing and a succeeding arena the search
//! halves the distance until it is below the resolution. Next, best and worst fit and the buddy system
//! are not monotone (an arena can fail although a smaller one did not), so what comes out is
//! the smallest arena found, and it is only called that after a run in it.

use super::Policy;

/// The search for one policy.
#[derive(Debug, Clone)]
pub struct Search {
    policy: Policy,
    /// No arena of this size or smaller is worth a try: below the floor, or seen to fail.
    fails: u64,
    /// The smallest arena in which a whole run went well.
    works: Option<u64>,
    hint: u64,
    resolution: u64,
}

impl Search {
    /// A search that knows the peak of the allotted bytes, and the highest footprint in an arena without
    /// end for policies that settle low. Ends within `resolution` bytes.
    pub fn new(policy: Policy, peak_allotted: u64, peak_footprint: Option<u64>, resolution: u64) -> Self {
        let fails = peak_allotted.saturating_sub(1);
        let hint = if policy.never_fragments() {
            peak_allotted
        } else {
            peak_footprint.unwrap_or(peak_allotted + peak_allotted / 8)
        };
        Search { policy, fails, works: None, hint, resolution: resolution.max(1) }
    }

    /// The arena to try next; `None` when the search is over.
    pub fn next(&self) -> Option<u64> {
        let Some(works) = self.works else { return Some(self.hint.max(self.fails + 1)) };
        // First fit in a larger arena makes the very choices it made in the endless one, so that the
        // highest footprint is the answer; and with nothing ever fragmented the peak is.
        let exact = self.policy.never_fragments() || self.policy == Policy::FirstFit;
        let distance = works - self.fails;
        if distance <= self.resolution || exact && works == self.hint {
            return None;
        }
        Some(self.fails + distance / 2)
    }

    /// Takes in how a run in `arena` bytes went.
    pub fn learn(&mut self, arena: u64, failed: bool) {
        if failed {
            self.fails = self.fails.max(arena);
            if self.works.is_none() {
                self.hint = arena.saturating_add(arena / 2 + 1);
            }
        } else {
            self.works = Some(self.works.map_or(arena, |works| works.min(arena)));
        }
    }

    /// The smallest arena in which a whole run went well.
    pub fn found(&self) -> Option<u64> {
        self.works
    }
}
