//! The locks on a machine whose asymmetric barriers order nothing: the asymmetric lock must lose a
//! wakeup.
#![allow(
    dead_code,
    unused_imports,
    reason = "the source files are the library's; the models use a part of them"
)]

pub(crate) const RELEASES: bool = true;
pub(crate) const LIGHT_BARRIER: bool = false;
pub(crate) const HEAVY: crate::Heavy = crate::Heavy::Silent;

#[path = "platform.rs"]
pub(crate) mod platform;

include!("every_file.rs");
