//! How many descriptors and threads the kernel lets this process have, asked before the first is needed.

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Makes sure that this process may hold `needed` descriptors. Raises its own soft limit if it must.
///
/// # Errors
/// EMFILE, with the limit that stands in the way.
pub fn room_for_descriptors(needed: u64) -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("getrlimit RLIMIT_NOFILE")?;
    if needed > hard {
        return Err(Errno::EMFILE).with_context(|| {
            format!("{needed} descriptors are needed and RLIMIT_NOFILE allows {hard} (ulimit -Hn)")
        });
    }
    if needed > soft {
        setrlimit(Resource::RLIMIT_NOFILE, needed, hard).context("setrlimit RLIMIT_NOFILE")?;
    }
    Ok(())
}

/// A thread takes a mapping for its stack and one for its guard page, and the same for its signal stack.
const MAPPINGS_A_THREAD: u64 = 4;

/// Refuses more threads than the lowest limit allows.
///
/// Near these limits a thread is not merely refused: the C library starts it, and mapping its signal
/// stack fails inside it, which aborts the process.
///
/// # Errors
/// A sentence that names the limit and its value.
pub fn allow_threads(threads: usize) -> Result<(), String> {
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
