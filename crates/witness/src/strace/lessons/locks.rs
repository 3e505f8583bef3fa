//! Lessons on spinning and sleeping.

use super::super::lesson::Written;

pub(super) const SPINLOCK_BURNS: Written = Written {
    claim: "busy-wait-burns-cpu",
    options: &[],
    steps: &[
        (
            "clone3",
            "CLONE_THREAD",
            "A thread is born; the last one is the waiter.",
        ),
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
            "The HOLDER keeps the lock for 120 ms. No call of the waiter in the \
            meantime: it spins, or it sleeps below.",
        ),
        (
            "futex",
            "FUTEX_WAIT_PRIVATE, 2",
            "The WAITER sleeps while the word is 2: locked, and \
            somebody waits.",
        ),
        (
            "futex",
            "FUTEX_WAKE_PRIVATE … = 1",
            "Who sleeps on a word is woken: as a thread is started, and in the control by \
            the HOLDER, which unlocks and finds the 2.",
        ),
    ],
};
