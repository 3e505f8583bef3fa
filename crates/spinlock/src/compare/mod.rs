//! The contention harness: every lock in every regime, in short windows, interleaved and shuffled.
//!
//! Only ratios within one run mean anything, so the windows of one regime lie next to each other in
//! time, each round in another order, and a window in which others used the CPU is refused and
//! repeated while time allows.
//!
//! | Module | What it is |
//! |---|---|
//! | [`lock_name`], [`contender`], [`pthread`] | the locks, all behind one trait |
//! | [`arena`], [`window`], [`waits`] | some threads at one lock for a fixed time |
//! | `lock_memory` | what the lock writes, as the kernel shows it |
//! | [`plan`], `run` | which windows, and in which order |
//! | [`report`], [`environment`] | medians over windows, and the machine they were measured on |
//! | [`render`], [`svg`] | how a person sees them |

pub mod arena;
pub mod contender;
pub mod environment;
mod error;
#[cfg(test)]
mod example;
mod lock_memory;
pub mod lock_name;
mod places;
pub mod plan;
pub mod pthread;
pub mod render;
pub mod report;
mod run;
pub mod svg;
pub mod waits;
pub mod window;

pub use error::{Error, PlanError};
pub use lock_memory::LockMemory;
pub use plan::{ComparisonPlan, DEFAULT_REGIMES};
pub use report::{Comparison, ComparisonRow};
