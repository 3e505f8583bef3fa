//! The claims, one a file; `ALL` is the order of the tour.

mod busy_wait_burns_cpu;
mod dead_holder_hangs;
mod one_cpu_hides_the_race;
pub(crate) mod one_instruction;
mod preempted_holder_collapse;
mod pseudo_code_loses_updates;
mod race;
mod test_and_set_excludes;
mod unfair_against_ticket;

use claim::{Claim, NotMeasured};

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

/// Two CPUs that this process may use: without two, no two threads ever run at once.
fn two_cpus() -> anyhow::Result<[usize; 2]> {
    match harness::pin::cpus()?[..] {
        [first, second, ..] => Ok([first, second]),
        _ => NotMeasured::err(
            "this process may use one CPU only, and two threads never run at once",
            "allow it two (taskset -c 0,1; a cpuset; a machine with two CPUs)",
        ),
    }
}
