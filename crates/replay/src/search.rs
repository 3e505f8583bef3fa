//! Looking for the smallest arena in which no request fails.
//!
//! No arena below the highest sum of live sizes can do. Between an arena that failed and one that
//! worked the search halves the distance until it is below the resolution. Next, best, worst and
//! segregated fit and the buddy system are not monotone: an arena can fail although a smaller one
//! does not. The answer is therefore the smallest arena found, and a run in it confirms it.

use super::Policy;

/// The search for one policy. Counts in the policy's unit: a page, or the smallest buddy.
#[derive(Debug, Clone)]
pub(super) struct Search {
    unit: u64,
    /// No arena of fewer units can do.
    floor: u64,
    /// No arena of this many units or fewer is worth a try: it is below the floor, or a run failed.
    fails: u64,
    /// The smallest arena in which a run went well, or must go well by what is known of the policy.
    works: Option<u64>,
    /// The smallest arena in which a run went well.
    succeeded: Option<u64>,
    /// What to try while no arena is known to work.
    hint: u64,
    resolution: u64,
}

impl Search {
    /// A search that knows the peak of the allotted bytes and, for policies that settle low, the
    /// highest footprint in an arena without an end. Ends within `resolution` bytes.
    pub fn new(
        policy: Policy,
        peak_allotted: u64,
        peak_footprint: Option<u64>,
        resolution: u64,
    ) -> Self {
        let unit = policy.unit();
        let floor = peak_allotted.div_ceil(unit);
        let footprint = peak_footprint.map(|bytes| bytes.div_ceil(unit));
        // First fit makes the same choices in every arena as large as its highest footprint in the
        // endless one: that footprint is the answer. Where nothing fragments the peak is.
        let works = match (policy, footprint) {
            (Policy::FirstFit, Some(footprint)) => Some(footprint),
            _ => policy.never_fragments().then_some(floor),
        };
        let fails = works.unwrap_or(floor).saturating_sub(1);
        let hint = footprint.unwrap_or(floor + floor / 8);
        Search {
            unit,
            floor: works.unwrap_or(floor),
            fails,
            works,
            succeeded: None,
            hint,
            resolution: (resolution / unit).max(1),
        }
    }

    /// The arena to try next, in bytes; `None` when the search is over.
    pub fn next(&self) -> Option<u64> {
        let units = match self.works {
            None => self.hint.max(self.fails + 1),
            Some(works) if works - self.fails <= self.resolution => {
                // The distance to the floor has been halved; the floor itself was not tried yet.
                let untried = self.fails < self.floor && self.floor < works;
                untried.then_some(self.floor)?
            }
            Some(works) => self.fails + (works - self.fails) / 2,
        };
        Some(units.saturating_mul(self.unit))
    }

    /// Takes in how a run in `arena` bytes went.
    pub fn record(&mut self, arena: u64, failed: bool) {
        let units = arena / self.unit;
        if failed {
            self.fails = self.fails.max(units);
            if self.works.is_none() {
                self.hint = units.saturating_add(units / 2 + 1);
            }
        } else {
            let smaller = |known: Option<u64>| Some(known.map_or(units, |known| known.min(units)));
            self.works = smaller(self.works);
            self.succeeded = smaller(self.succeeded);
        }
    }

    /// The smallest arena in which a run went well so far, in bytes.
    pub fn smallest_success(&self) -> Option<u64> {
        self.succeeded.map(|units| units * self.unit)
    }

    /// The smallest arena found, in bytes; a run in it has to confirm the answer.
    pub fn smallest(&self) -> Option<u64> {
        self.works.map(|units| units * self.unit)
    }
}
