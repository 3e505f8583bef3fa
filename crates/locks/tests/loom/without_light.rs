//! The asymmetric lock on a machine whose light barrier alone orders nothing: it must lose a
//! wakeup.
#![allow(
    dead_code,
    reason = "the source files are the library's; the models use a part of them"
)]

pub(crate) const RELEASES: bool = true;
pub(crate) const LIGHT_BARRIER: bool = false;
pub(crate) const HEAVY: crate::Heavy = crate::Heavy::Orders;

#[path = "platform.rs"]
pub(crate) mod platform;

#[path = "../../src/asymmetric.rs"]
pub mod asymmetric;

pub use self::asymmetric::Asymmetric;
