//! The asymmetric lock where membarrier(2) has stopped working: nothing is ordered, and the sleeper
//! knows it. It must pass.
#![allow(
    dead_code,
    reason = "the source files are the library's; the models use a part of them"
)]

pub(crate) const RELEASES: bool = true;
pub(crate) const LIGHT_BARRIER: bool = false;
pub(crate) const HEAVY: crate::Heavy = crate::Heavy::Refused;

#[path = "platform.rs"]
pub(crate) mod platform;

#[path = "../../src/asymmetric.rs"]
pub mod asymmetric;

pub use self::asymmetric::Asymmetric;
