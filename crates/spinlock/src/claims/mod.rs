//! The claims, one a file; `ALL` is the order of the tour.

mod busy_wait_burns_cpu;
mod dead_holder_hangs;
mod one_cpu_hides_the_race;
pub(crate) mod one_instruction;
mod pins;
mod preempted_holder_collapse;
mod pseudo_code_loses_updates;
mod race;
mod test_and_set_excludes;
mod unfair_against_ticket;
mod wakeups;

use claim::{Act, Claim, Does, InControl, NotMeasured};

/// Every claim of the topic.
pub const ALL: &[Claim] = &[
    pseudo_code_loses_updates::CLAIM,
    one_cpu_hides_the_race::CLAIM,
    one_instruction::CLAIM,
    test_and_set_excludes::CLAIM,
    busy_wait_burns_cpu::CLAIM,
    unfair_against_ticket::CLAIM,
    preempted_holder_collapse::CLAIM,
    dead_holder_hangs::CLAIM,
];

/// The threads of a race; each race makes two.
const TWO_THREADS: Act = Does("starts two threads")
    .call("clone", "CLONE_THREAD")
    .times(2)
    .shown_by("two thread ids (gettid)");

/// Each on its CPU.
const PINNED: Act = Does("pins each thread to a CPU")
    .call("sched_setaffinity", "")
    .times(2)
    .shown_by(
        "the CPUs on which the threads end (getcpu), or what they meet of each other at the flag \
         where getcpu does not tell",
    );

/// The flag that excludes nobody.
const BROKEN_FLAG: Act = Does("enters by a load and a store")
    .in_memory()
    .by("a thread")
    .shown_by("the flag for the swap, which is kept set: nobody can have entered through it")
    .in_control(InControl::Not);

/// Threads that take turns show nothing about the flag between them. A flag at which no thread is
/// ever refused is no flag either: what is lost behind it says nothing about one that works.
const REFUSED: Act = Does("finds the flag set")
    .in_memory()
    .by("a thread")
    .shown_by("refusals that the threads count")
    .or_not_measured("try again on a quieter machine: the threads took turns");

/// So many threads in each window of contention.
pub(crate) const fn crowd(does: &'static str, threads: usize) -> Act {
    Does(does)
        .call("clone", "CLONE_THREAD")
        .times(threads)
        .shown_by("that many thread ids (gettid) in each of the windows")
}

/// The threads of a window, each on its CPU.
pub(crate) const fn pinned_by_turns(threads: usize) -> Act {
    Does("pins them to two CPUs by turns")
        .call("sched_setaffinity", "")
        .times(threads)
        .shown_by("the CPU on which each ends (getcpu)")
        .or_not_measured(
            "run it where no filter refuses sched_setaffinity, on a kernel that runs a thread \
             where it says",
        )
}

/// What enables the look at a lock's memory.
pub(crate) const LOCK_MEMORY: &str =
    "mount /proc, and run it where a process may read its own memory there";

/// A lock that lets everybody in at once is fair, and never collapses.
pub(crate) const EXCLUDE: Act = Does("lets one thread in at a time")
    .in_memory()
    .by("the lock")
    .shown_by("a guarded value that counts every section of every window");

/// Two CPUs that this process may use: without two, no two threads ever run at once.
pub(crate) fn two_cpus() -> anyhow::Result<[usize; 2]> {
    match harness::pin::cpus()?[..] {
        [first, second, ..] => Ok([first, second]),
        _ => NotMeasured::err(
            "this process may use one CPU only, and two threads never run at once",
            "allow it two (taskset -c 0,1; a cpuset; a machine with two CPUs)",
        ),
    }
}
