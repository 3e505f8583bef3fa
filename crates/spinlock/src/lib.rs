//! Test-and-set and its family: the locks, their proofs, their measure.
//!
//! - [`locks`]: from the pseudo-code that excludes nobody to a lock that needs no choice; without the
//!   feature `std`, those that make no system call.
//! - [`compare`]: the contention harness; measuring and rendering apart.
#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(feature = "std")]
pub mod clock;
#[cfg(feature = "std")]
pub mod compare;
pub mod locks;
