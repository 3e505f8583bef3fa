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
    /// No arena of this size or smaller is worth a try: below the floor, or seen to fail.
    fails: u64,
    /// The smallest arena in which a whole run went well, or must go well by what is known of the policy.
    works: Option<u64>,
    hint: u64,
    resolution: u64,
}

impl Search {
    /// A search that knows the peak of the allotted bytes, and the highest footprint in an arena without
    /// end for policies that settle low. Ends within `resolution` bytes.
    pub fn new(
        policy: Policy,
        peak_allotted: u64,
        peak_footprint: Option<u64>,
        resolution: u64,
    ) -> Self {
        let fails = peak_allotted.saturating_sub(1);
        // First fit in any larger arena makes the very choices it made in the endless one, so that its
        // highest footprint is the answer; where nothing ever fragments the peak is.
        let works = match (policy, peak_footprint) {
            (Policy::FirstFit, Some(footprint)) => Some(footprint),
            _ => policy.never_fragments().then_some(peak_allotted),
        };
        let hint = peak_footprint.unwrap_or(peak_allotted + peak_allotted / 8);
        let fails = works.map_or(fails, |works| works.saturating_sub(1));
        Search {
            fails,
            works,
            hint,
            resolution: resolution.max(1),
        }
    }

    /// The arena to try next; `None` when the search is over.
    pub fn next(&self) -> Option<u64> {
        match self.works {
            None => Some(self.hint.max(self.fails + 1)),
            Some(works) if works - self.fails <= self.resolution => None,
            Some(works) => Some(self.fails + (works - self.fails) / 2),
        }
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

    /// The smallest arena found; a run in it still has to confirm the answer.
    pub fn found(&self) -> Option<u64> {
        self.works
    }
}
