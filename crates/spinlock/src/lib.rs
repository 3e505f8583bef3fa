//! Test-and-set and its family: the locks, their proofs, their measure.
//!
//! - [`locks`]: from the pseudo-code that excludes nobody to a lock that needs no choice; without the
//!   feature `std`, those that make no system call.
//! - `compare`: the contention harness; measuring and rendering apart.
//! - `doctor`: what waiting costs here, and which lock follows from it.
//! - `handover`: a robust mutex whose holder is killed.
//! - `claims`: what the notes say about test-and-set, put to the test.
#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(feature = "std")]
pub mod claims;
#[cfg(feature = "std")]
pub mod clock;
#[cfg(feature = "std")]
pub mod compare;
#[cfg(feature = "std")]
pub mod doctor;
#[cfg(feature = "std")]
pub mod handover;
pub mod locks;

/// The topic, its claims in the order in which they are best read.
#[cfg(feature = "std")]
pub const TOPIC: claim::Topic = claim::Topic::new(
    "spinlock",
    "test-and-set, its family, and what busy waiting costs",
    claims::ALL,
);
