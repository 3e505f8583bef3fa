#![cfg_attr(feature = "std", doc = include_str!("../README.md"))]
//! # The family, one file each
//!
//! To be read in this order: each lock differs from the one before it by one idea.
//!
//! | File | Lock | The idea it adds |
//! |---|---|---|
//! | `not_atomic` | none | the pseudo-code in two steps, and a thread that comes in between |
//! | `test_and_set` | [`TestAndSet`] | one instruction reads the old value and writes the new one |
//! | `test_and_test_and_set` | [`TestAndTestAndSet`] | wait by reading; write when it may succeed |
//! | `backoff` | [`Backoff`] | wait longer after each failure |
//! | `sched_yield` | `Yield` | give the CPU to another thread, which may be the holder |
//! | `ticket` | [`Ticket`] | first come, first served |
//! | `mcs` | [`Mcs`] | first come, first served, each waiter spinning on its own word |
//! | `futex` | `Futex` | sleep in the kernel while there is nothing to do |
//! | `asymmetric` | `Asymmetric` | unlock with a plain store; the sleeper pays for the ordering |
//! | `process_shared` | `Shared` | between processes: test-and-set in a `MAP_SHARED` mapping |
//! | `shared_mutex` | `SharedMutex` | a fork copies its guard; the copy neither reads nor unlocks |
//! | `robust` | `RobustMutex` | the kernel says to the next owner that the last one died |
//!
//! Whatever a lock needs of the machine, atomics included, it takes from the module `platform`, and
//! from nowhere else. So the loom models in `tests/loom` build these very files on another
//! platform, and break the locks by breaking the platform.
#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(feature = "std")]
pub mod asymmetric;
pub mod backoff;
#[cfg(feature = "std")]
mod call_error;
#[cfg(feature = "std")]
mod fences;
#[cfg(feature = "std")]
pub mod futex;
#[cfg(feature = "std")]
mod generation;
#[cfg(feature = "lock-api-05")]
mod lock_api_05;
pub mod mcs;
pub mod not_atomic;
mod platform;
#[cfg(feature = "std")]
pub mod process_shared;
#[cfg(feature = "std")]
pub mod robust;
#[cfg(feature = "std")]
pub mod sched_yield;
#[cfg(feature = "std")]
pub mod shared_mutex;
#[cfg(feature = "std")]
pub mod system_calls;
pub mod test_and_set;
pub mod test_and_test_and_set;
pub mod ticket;

pub use backoff::Backoff;
pub use lock_api;
pub use mcs::Mcs;
pub use test_and_set::TestAndSet;
pub use test_and_test_and_set::TestAndTestAndSet;
pub use ticket::Ticket;

#[cfg(feature = "std")]
pub use asymmetric::Asymmetric;
#[cfg(feature = "std")]
pub use call_error::CallError;
#[cfg(feature = "std")]
pub use fences::{Barriers, barriers};
#[cfg(feature = "std")]
pub use futex::Futex;
#[cfg(feature = "std")]
pub use process_shared::{Shareable, Shared};
#[cfg(feature = "std")]
pub use robust::RobustMutex;
#[cfg(feature = "std")]
pub use sched_yield::Yield;
#[cfg(feature = "std")]
pub use shared_mutex::SharedMutex;
