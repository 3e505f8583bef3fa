//! Whether this kernel tells by getcpu(2) where a thread was pinned to.

use anyhow::{Context, Result};
use harness::pin::pin;
use nix::sched::sched_getcpu;

/// Whether a process that is pinned to each of `cpus` in turn is told that it runs there. So it is
/// on every Linux; gVisor keeps the mask of sched_setaffinity(2), leaves the thread where the host
/// puts it, and answers the same number always.
///
/// It forks: to be asked before the first thread is started.
///
/// # Errors
/// Those of fork(2), sched_setaffinity(2) and getcpu(2); a call that answers and pins nothing.
pub(super) fn are_told_by_getcpu(cpus: [usize; 2]) -> Result<bool> {
    let told = child::fork("pinned", move |_| {
        let mut all = true;
        for cpu in cpus {
            pin(cpu)?;
            all &= sched_getcpu().context("getcpu")? == cpu;
        }
        Ok(all)
    })?;
    Ok(told.join()?)
}
