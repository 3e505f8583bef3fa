//! The policies by name, and how each of them is built for an arena.

use placement::{
    BestFit, Buddy, FirstFit, NextFit, Paging, Placement, Segments, SegregatedFit, WorstFit,
};
use present::units::bytes;

/// A placement policy, not yet given an arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// [`placement::FirstFit`].
    FirstFit,
    /// [`placement::NextFit`].
    NextFit,
    /// [`placement::BestFit`].
    BestFit,
    /// [`placement::WorstFit`].
    WorstFit,
    /// [`placement::SegregatedFit`].
    SegregatedFit,
    /// [`placement::Buddy`].
    Buddy,
    /// [`placement::Segments`]: first fit, compacted where that fails.
    Segments,
    /// [`placement::Paging`] with pages of so many bytes.
    Paging(u64),
}

impl Policy {
    /// Every policy, and paging once for each page size.
    pub fn all(page_sizes: &[u64]) -> Vec<Policy> {
        let contiguous = [
            Policy::FirstFit,
            Policy::NextFit,
            Policy::BestFit,
            Policy::WorstFit,
            Policy::SegregatedFit,
            Policy::Buddy,
            Policy::Segments,
        ];
        contiguous
            .into_iter()
            .chain(page_sizes.iter().map(|&page| Policy::Paging(page)))
            .collect()
    }

    /// The name used in every output.
    pub fn name(self) -> String {
        match self {
            Policy::FirstFit => "first fit".into(),
            Policy::NextFit => "next fit".into(),
            Policy::BestFit => "best fit".into(),
            Policy::WorstFit => "worst fit".into(),
            Policy::SegregatedFit => "segregated fit".into(),
            Policy::Buddy => "buddy".into(),
            Policy::Segments => "compacted".into(),
            Policy::Paging(page) => format!("paging {}", bytes(page)),
        }
    }

    /// An empty arena under this policy.
    pub fn build(self, arena: u64) -> Box<dyn Placement> {
        match self {
            Policy::FirstFit => Box::new(FirstFit::new(arena)),
            Policy::NextFit => Box::new(NextFit::new(arena)),
            Policy::BestFit => Box::new(BestFit::new(arena)),
            Policy::WorstFit => Box::new(WorstFit::new(arena)),
            Policy::SegregatedFit => Box::new(SegregatedFit::new(arena)),
            Policy::Buddy => Box::new(Buddy::new(arena)),
            Policy::Segments => Box::new(Segments::new(arena)),
            Policy::Paging(page) => Box::new(Paging::new(arena, page)),
        }
    }

    /// The unit in which an arena can usefully grow, in bytes.
    pub fn unit(self) -> u64 {
        match self {
            Policy::Buddy => Buddy::SMALLEST,
            Policy::Paging(page) => page,
            _ => 1,
        }
    }

    /// Whether a request fails only where too little is free in all, so that the peak is enough.
    pub fn never_fragments(self) -> bool {
        matches!(self, Policy::Segments | Policy::Paging(_))
    }

    /// Whether a run in an arena without an end shows how much of it is needed. So it is with
    /// policies that prefer low addresses or take from the longest hole last; next fit and worst
    /// fit would use new bytes for every request.
    pub fn settles_low(self) -> bool {
        matches!(
            self,
            Policy::FirstFit | Policy::BestFit | Policy::SegregatedFit | Policy::Buddy
        )
    }
}
