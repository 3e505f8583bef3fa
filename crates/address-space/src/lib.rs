//! Segmentation, paging and both kinds of fragmentation, with real memory: claims, placement policies,
//! and the tools `replay`, `record`, `inspect` and `system`.

pub mod arena;
pub mod claims;
mod exhaust;
mod glibc;
pub mod inspect;
pub mod interrupt;
mod ldt;
pub mod machine;
pub mod memory;
pub mod placement;
pub mod record;
pub mod replay;
pub mod system;
pub mod trace;
pub mod units;

use claim::Topic;

/// The topic, its claims in the order in which they are best read.
pub const TOPIC: Topic = Topic::new(
    "address-space",
    "segmentation, paging, and both kinds of fragmentation",
    claims::ALL,
);
