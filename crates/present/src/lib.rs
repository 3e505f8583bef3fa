//! What drawing needs, for every tool alike: units, columns, progress, output and output files.
//!
//! Knows nothing of claims, processes or memory.

mod output;
mod output_file;
mod progress;
pub mod units;

pub use output::{print, print_document};
pub use output_file::OutputFile;
pub use progress::Progress;
