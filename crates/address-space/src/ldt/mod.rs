//! Hardware segments for a 64-bit process on x86: a local descriptor table, and code that uses it.
//!
//! 64-bit code ignores the limits of data segments, 32-bit code does not. [`descriptor`] enters
//! segments with modify_ldt(2). [`gate`], in [`pages`] of its own, steps into 32-bit code for one
//! load through ES and back, while [`quiet`] holds signals off; [`trap`] catches the fault that the
//! processor answers with. Other architectures have no segments; [`software`] is what a base and a
//! limit amount to without the hardware.

#[cfg(target_arch = "x86_64")]
mod descriptor;
#[cfg(target_arch = "x86_64")]
mod gate;
#[cfg(target_arch = "x86_64")]
mod pages;
#[cfg(target_arch = "x86_64")]
mod probe;
#[cfg(target_arch = "x86_64")]
mod quiet;
pub mod software;
#[cfg(target_arch = "x86_64")]
mod trap;

use serde::{Deserialize, Serialize};

/// What was seen through one way of addressing: a segment, or flat memory behind a page boundary.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// First offset whose read faults; the segment has 1000 bytes, the page 4096.
    pub first_fault: u64,
    /// The same after the limit grew by 1000 bytes.
    pub after_growing: u64,
    /// First offset that reads in a segment that expands down below 1000.
    pub expand_down: u64,
    /// Signal of a read through a segment that is not present; 0 for none.
    pub not_present: i32,
    /// The byte at offset 0 after the base moved by 256; byte `i` of the memory holds `i / 256`.
    pub after_moving: u64,
    /// What was seen to be done before.
    pub done: Done,
    /// What was seen beside it, a sentence each.
    pub notes: Vec<String>,
}

/// Which steps had their effect: pages as /proc/self/maps has them, descriptors as modify_ldt(2)
/// reads them back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The pages behind the data may not be read.
    pub guarded: bool,
    /// A segment of [`SIZE`] bytes was entered.
    pub entered: bool,
    /// One with twice its limit.
    pub grown: bool,
    /// One that begins 256 bytes later.
    pub moved: bool,
    /// One that expands down.
    pub down: bool,
    /// One that is not present.
    pub absent: bool,
}

/// Bytes of the segment.
pub const SIZE: u32 = 1000;

#[cfg(target_arch = "x86_64")]
pub use probe::{flat, segmented};
/// Refused: no segments here.
///
/// # Errors
/// Always, with the reason.
#[cfg(not(target_arch = "x86_64"))]
pub fn segmented() -> anyhow::Result<Seen> {
    anyhow::bail!("{} has no segments", std::env::consts::ARCH)
}

/// Refused: nothing to compare with.
///
/// # Errors
/// Always, with the reason.
#[cfg(not(target_arch = "x86_64"))]
pub fn flat() -> anyhow::Result<Seen> {
    segmented()
}
