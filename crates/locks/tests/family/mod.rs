//! The one list of the locks between threads, for every test that goes through all of them.

/// Calls the macro `$test` with each lock: the name of its file, then its type.
macro_rules! every_lock {
    ($test:ident) => {
        $test! {
            test_and_set: TestAndSet,
            test_and_test_and_set: TestAndTestAndSet,
            backoff: Backoff,
            sched_yield: Yield,
            ticket: Ticket,
            mcs: Mcs,
            futex: Futex,
            asymmetric: Asymmetric,
        }
    };
}
pub(crate) use every_lock;
