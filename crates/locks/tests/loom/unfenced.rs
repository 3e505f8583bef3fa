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

#[path = "../../src/asymmetric.rs"]
pub mod asymmetric;
#[path = "../../src/backoff.rs"]
pub mod backoff;
#[path = "../../src/futex.rs"]
pub mod futex;
#[path = "../../src/mcs.rs"]
pub mod mcs;
#[path = "../../src/not_atomic.rs"]
pub mod not_atomic;
#[path = "../../src/sched_yield.rs"]
pub mod sched_yield;
#[path = "../../src/test_and_set.rs"]
pub mod test_and_set;
#[path = "../../src/test_and_test_and_set.rs"]
pub mod test_and_test_and_set;
#[path = "../../src/ticket.rs"]
pub mod ticket;

pub use self::{
    asymmetric::Asymmetric, backoff::Backoff, futex::Futex, mcs::Mcs, not_atomic::NotAtomic,
    sched_yield::Yield, test_and_set::TestAndSet, test_and_test_and_set::TestAndTestAndSet,
    ticket::Ticket,
};
