//! Test-and-set and its family of locks, one file each, to be read in this order: each differs from
//! the one before by one idea.
//!
//! | File | Lock | The idea it adds |
//! |---|---|---|
//! | `not_atomic` | none: two functions that look like one | what the pseudo-code does when a thread comes between its lines |
//! | `test_and_set` | [`TestAndSet`] | one instruction reads the old value and writes the new one |
//! | `test_and_test_and_set` | [`TestAndTestAndSet`] | wait by reading, write only when it may succeed |
//! | `backoff` | [`Backoff`] | wait longer after each failure |
//! | `sched_yield` | [`Yield`] | give the CPU to somebody else, who may be the holder |
//! | `ticket` | [`Ticket`] | first come, first served |
//! | `mcs` | [`Mcs`] | first come, first served, each waiter spinning on its own word |
//! | `futex` | [`Futex`] | sleep in the kernel while there is nothing to do |
//! | `asymmetric` | [`Asymmetric`] | unlock with a plain store; the sleeper pays for the ordering |
//! | `process_shared` | [`Shared`] | the lock between processes: test-and-set in a `MAP_SHARED` mapping |
//! | `shared_mutex` | [`SharedMutex`] | its guard, which a fork copies, holds in one process only |
//! | `robust` | [`RobustMutex`] | the kernel tells the next owner that the last one died |
//!
//! All but the first and those between processes implement [`lock_api::RawMutex`], so that a mutex is
//! written `lock_api::Mutex<TestAndSet, T>`. What a lock needs of the machine, atomics
//! included, it takes from `platform`, and from nowhere else: the loom models in `tests/loom` build
//! these very files on another platform, and break them by breaking the platform.
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
pub use mcs::Mcs;
pub use test_and_set::TestAndSet;
pub use test_and_test_and_set::TestAndTestAndSet;
pub use ticket::Ticket;

#[cfg(feature = "std")]
pub use {
    asymmetric::Asymmetric,
    call_error::CallError,
    fences::{Barriers, barriers},
    futex::Futex,
    process_shared::{Shareable, Shared},
    robust::RobustMutex,
    sched_yield::Yield,
    shared_mutex::SharedMutex,
};
