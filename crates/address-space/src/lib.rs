//! Segmentation, paging and both kinds of fragmentation, with real memory: claims, placement
//! policies, and the tools `replay`, `record`, `inspect` and `system`.

pub mod claims;
mod evidence;
mod exhaust;
mod glibc;
mod huge_pages;
mod layout;
mod ldt;
pub mod promises;

use claim::Topic;

/// The topic, its claims in the order in which they are best read.
pub const TOPIC: Topic = Topic::new(
    "address-space",
    "segmentation, paging, and both kinds of fragmentation",
    claims::ALL,
)
.with_chapter("docs/address-space.md");
