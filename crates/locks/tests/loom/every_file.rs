// The source files of the family. Each machine includes this list, and so builds them upon its own
// platform.

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
