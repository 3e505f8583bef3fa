//! All that the locks need of the machine: atomics, a pause, and (with `std`) five system calls.
//!
//! The loom models replace this one file: see `tests/loom/platform.rs`.

pub(crate) use core::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering},
};

#[cfg(feature = "std")]
pub(crate) use super::platform_linux::{
    AWAY, GLANCE, futex_wait, futex_wait_briefly, futex_wake, heavy_barrier, light_barrier,
    stay_away,
};
#[cfg(feature = "std")]
pub(crate) use std::thread::yield_now;

/// How often a newcomer to [`Futex`](super::Futex) looks before it sleeps: a short section ends sooner than a sleep begins.
#[cfg(feature = "std")]
pub(crate) const LOOKS: u32 = 40;
/// Looks of a waiter of [`Asymmetric`](super::Asymmetric) after it stayed away and before its first yield.
#[cfg(feature = "std")]
pub(crate) const LOOKS_CLOSELY: u32 = 40;
/// Its yields before it sleeps.
#[cfg(feature = "std")]
pub(crate) const YIELDS: u32 = 300;
/// Yields after which it becomes the heir.
#[cfg(feature = "std")]
pub(crate) const PATIENCE: u32 = 200;
