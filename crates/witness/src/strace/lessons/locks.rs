//! Lessons on spinning and sleeping.

use super::super::lesson::Written;

pub(super) const SPINLOCK_BURNS: Written = Written {
    claim: "busy-wait-burns-cpu",
    options: &[],
    steps: &[
        ("clone3", "CLONE_THREAD", "The WAITER is born, a thread."),
        (
            "getrusage",
            "RUSAGE_THREAD",
            "The WAITER reads its user CPU time; then it asks for the \
            lock.",
        ),
        (
            "getrusage",
            "RUSAGE_THREAD",
            "The WAITER has the lock and reads its user CPU time again.",
        ),
        (
            "clock_nanosleep",
            "",
            "The HOLDER keeps the lock for 120 ms. Meanwhile the waiter spins, which no call \
            shows, or it sleeps in futex.",
        ),
        (
            "futex",
            "FUTEX_WAIT_PRIVATE, 2",
            "The WAITER sleeps while the word is 2: locked, and \
            somebody waits.",
        ),
    ],
};
