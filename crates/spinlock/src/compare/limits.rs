//! How many threads the kernel lets this process have.
//!
//! Near these limits a thread is not merely refused: the C library starts it, and mapping its signal stack fails inside it,
//! which aborts the process. So the question is asked before the first thread is.

use nix::sys::resource::{Resource, getrlimit};

/// A thread takes a mapping for its stack and one for its guard page, and the same for its signal stack.
const MAPPINGS_A_THREAD: u64 = 4;

/// Refuses more threads than the lowest limit allows.
///
/// # Errors
/// A sentence that names the limit and its value.
pub fn allow(threads: usize) -> Result<(), String> {
    let processes = getrlimit(Resource::RLIMIT_NPROC)
        .ok()
        .map(|(soft, _)| (soft, "RLIMIT_NPROC (ulimit -u)"));
    let system =
        number("/proc/sys/kernel/threads-max").map(|most| (most, "/proc/sys/kernel/threads-max"));
    let mappings = number("/proc/sys/vm/max_map_count").map(|most| {
        (
            most / MAPPINGS_A_THREAD,
            "/proc/sys/vm/max_map_count, four mappings a thread",
        )
    });
    let lowest = [processes, system, mappings].into_iter().flatten().min();
    match lowest {
        Some((most, limit)) if threads as u64 > most => Err(format!(
            "--threads {threads}: at most {most} threads are allowed here by {limit}"
        )),
        _ => Ok(()),
    }
}

fn number(file: &str) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}
