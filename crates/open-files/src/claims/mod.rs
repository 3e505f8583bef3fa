//! The claims, one a file; `ALL` is the order of the tour.

mod fork_shares_description;

use claim::Claim;

/// Every claim of the topic.
pub const ALL: &[Claim] = &[fork_shares_description::CLAIM];

/// Words that the claims' tables have in common.
const SAME: &str = "same";
const DIFFERENT: &str = "different";

/// How a table tells whether two things are one.
fn sameness(same: bool) -> &'static str {
    if same { SAME } else { DIFFERENT }
}
