//! Whether this kernel tells by getcpu(2) where a thread was pinned to.

use anyhow::{Context, Result};
use harness::pin::{cpus, pin};
use nix::sched::sched_getcpu;

use crate::compare::window::ContentionWindow;

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

/// Whether threads that are bound to `cpus` outnumber these, though the kernel runs them where it
/// likes (see [`are_told_by_getcpu`]): where there are no other CPUs.
///
/// It forks, as that does.
///
/// # Errors
/// Those of [`are_told_by_getcpu`].
pub(super) fn are_all_there_are(these: [usize; 2]) -> Result<bool> {
    Ok(!are_told_by_getcpu(these)? && cpus()? == these)
}

/// Whether the threads of all `windows` were where they were pinned to; or bound to it, where
/// `bound_is_enough`.
pub(super) fn are_in_place(windows: &[ContentionWindow], bound_is_enough: bool) -> bool {
    let in_all = |evidence: fn(&ContentionWindow) -> bool| windows.iter().all(evidence);
    in_all(|window| window.pinned) || bound_is_enough && in_all(|window| window.bound)
}
