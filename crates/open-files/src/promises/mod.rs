//! What newer kernels promise about descriptors: claims beside the tour, one a file.

mod query_tells_duplicates;

pub use query_tells_duplicates::CLAIM as QUERY_TELLS_DUPLICATES;
