//! The claims, one a file; `ALL` is the order of the tour.

use claim::Claim;

/// Every claim of the topic.
pub const ALL: &[Claim] = &[];
