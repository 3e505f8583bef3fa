//! How fast a robust mutex comes from a killed holder to the next owner.

use std::time::Duration;

use anyhow::{Result, ensure};
use harness::statistics::median;
use harness::wait::until_asleep_in;
use locks::RobustMutex;
use locks::robust::Acquired;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};

/// Within this time, in ns, a robust mutex should be with its next owner.
const FIVE_MS: f64 = 5e6;

/// How long an heir may take to come to sleep.
const HEIR_LIMIT: Duration = Duration::from_secs(10);

/// What became of the tries.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Handovers {
    /// Version of this document.
    pub schema: u32,
    /// Holders killed.
    pub tries: usize,
    /// Locks that were handed on, with EOWNERDEAD.
    pub handed_on: usize,
    /// Those that were there 5 ms after the SIGKILL.
    pub within_5_ms: usize,
    /// Median from SIGKILL to the heir's having the lock, in ns.
    pub median_ns: f64,
    /// The slowest, in ns.
    pub max_ns: f64,
}

/// Kills the holder of one and the same robust mutex `tries` times. Its heir, another process, sleeps on the mutex by then,
/// so that each time the kernel has to find the lock in the dying thread's list and to wake who waits for it.
///
/// # Errors
/// A child that cannot be forked or does not answer; an heir that does not come to sleep; no lock that was handed on.
pub fn measure(tries: usize) -> Result<Handovers> {
    let mutex = RobustMutex::new(0_u64)?;
    let mut times = Vec::new();
    for _ in 0..tries {
        let mut holder = child::fork("holder", |parent| {
            let _held = mutex.lock()?;
            Ok(parent.checkpoint()?)
        })?;
        holder.at_checkpoint()?;
        let heir = child::fork("heir", |_| match mutex.lock()? {
            Acquired::OwnerDied(bereft) => {
                let owned = monotonic_ns()?;
                drop(bereft.repair(|value| value + 1)?);
                Ok(Some(owned))
            }
            Acquired::Clean(_) => Ok(None),
        })?;
        until_asleep_in(heir.pid(), libc::SYS_futex, "futex", HEIR_LIMIT)?;
        let killed = monotonic_ns()?;
        holder.signal(Signal::SIGKILL)?;
        if let Some(owned) = heir.join()? {
            times.push((owned - killed) as f64);
        }
        holder.wait()?;
    }
    ensure!(
        !times.is_empty(),
        "no lock of {tries} was handed on with EOWNERDEAD"
    );
    Ok(Handovers {
        schema: 1,
        tries,
        handed_on: times.len(),
        within_5_ms: times.iter().filter(|&&ns| ns <= FIVE_MS).count(),
        max_ns: times.iter().copied().fold(0.0, f64::max),
        median_ns: median(times).unwrap_or(0.0),
    })
}

/// CLOCK_MONOTONIC, which all processes read alike, in ns.
fn monotonic_ns() -> Result<i64, Errno> {
    Ok(clock_gettime(ClockId::CLOCK_MONOTONIC)?.num_nanoseconds())
}
