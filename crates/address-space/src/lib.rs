//! Segmentation, paging and both kinds of fragmentation, with real memory: claims, placement policies,
//! and the tools `replay`, `record`, `inspect` and `system`.

pub mod arena;
pub mod machine;
pub mod placement;
pub mod replay;
pub mod trace;
pub mod units;
