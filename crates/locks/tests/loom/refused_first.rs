//! The asymmetric lock where membarrier(2) is refused to the first sleeper and not to the others (a
//! seccomp filter is a thread's own): brief sleeps and long ones side by side. It must pass.
#![allow(
    dead_code,
    reason = "the source files are the library's; the models use a part of them"
)]

pub(crate) const RELEASES: bool = true;
pub(crate) const LIGHT_BARRIER: bool = true;
pub(crate) const HEAVY: crate::Heavy = crate::Heavy::RefusedFirst;

#[path = "platform.rs"]
pub(crate) mod platform;

#[path = "../../src/asymmetric.rs"]
pub mod asymmetric;

pub use self::asymmetric::Asymmetric;
