//! How fast a robust mutex comes from a killed holder to the next owner.

use std::time::Instant;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use crate::{
    compare::statistics::median,
    locks::{RobustMutex, robust::Acquired},
};

/// Within this time, in ns, a robust mutex should be with its next owner.
const FIVE_MS: f64 = 5e6;

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
    /// Median from SIGKILL to having the lock, in ns.
    pub median_ns: f64,
    /// The slowest, in ns.
    pub max_ns: f64,
}

/// Kills the holder of one and the same robust mutex `tries` times and takes the lock after it each time: asked for right
/// after kill(2), while the holder is still dying.
///
/// # Errors
/// A child that cannot be forked or does not answer; a lock that came as if nobody had died.
pub fn measure(tries: usize) -> Result<Handovers> {
    let mutex = RobustMutex::new(0_u64)?;
    let mut times = Vec::new();
    for _ in 0..tries {
        let mut holder = child::fork("holder", |parent| {
            let _held = mutex.lock()?;
            Ok(parent.checkpoint()?)
        })?;
        holder.at_checkpoint()?;
        let start = Instant::now();
        holder.signal(Signal::SIGKILL)?;
        match mutex.lock()? {
            Acquired::OwnerDied(bereft) => {
                times.push(start.elapsed().as_nanos() as f64);
                *bereft.repair(|_| ())? += 1;
            }
            Acquired::Clean(_) => {}
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
