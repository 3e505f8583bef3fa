//! The locks on a machine where a Release store is a Relaxed one: every model must fail.
#![allow(
    dead_code,
    unused_imports,
    reason = "the source files are the library's; the models use a part of them"
)]

pub(crate) const RELEASES: bool = false;
pub(crate) const LIGHT_BARRIER: bool = true;
pub(crate) const HEAVY: crate::Heavy = crate::Heavy::Orders;

#[path = "platform.rs"]
pub(crate) mod platform;

include!("every_file.rs");
