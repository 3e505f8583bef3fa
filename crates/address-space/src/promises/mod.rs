//! What newer kernels promise about memory: claims beside the tour, one a file.

mod guard_needs_no_mapping;
mod guarded_pages;
mod scan_hands_over_written_pages;
mod write_watch;

pub use guard_needs_no_mapping::CLAIM as GUARD_NEEDS_NO_MAPPING;
pub use scan_hands_over_written_pages::CLAIM as SCAN_HANDS_OVER_WRITTEN_PAGES;
