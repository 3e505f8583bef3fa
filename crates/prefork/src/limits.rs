//! How many workers this process may have, asked before the first is forked.

use std::fmt;

use anyhow::{Context, Result};
use harness::limits::room_for_descriptors;
use observe::tracepoint::Wakeups;

/// The step that failed, where it is one that every strategy has to take: room for the workers, an
/// address, a fork. A context of errors (`anyhow::Error::is` finds it), for what failed says this and
/// its errno does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoStart(pub String);

impl fmt::Display for NoStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes sure, before anything is forked, that this process may hold what `workers` need: a link, a
/// pidfd, a wait channel and perhaps a listening socket each.
///
/// # Errors
/// EMFILE, with the limit that stands in the way.
pub fn room_for(workers: usize) -> Result<()> {
    room_for_descriptors(descriptors(workers))
        .with_context(|| NoStart(format!("{workers} workers are too many")))
}

/// Makes sure that, beside what `workers` need, this process may hold the tracepoint's counters.
///
/// # Errors
/// As [`room_for`]; the number of counters cannot be told.
pub fn room_for_counters(workers: usize) -> Result<()> {
    let counters = Wakeups::descriptors(workers)?;
    room_for_descriptors(descriptors(workers) + counters as u64)?;
    Ok(())
}

/// What `workers` need, and as many as this process holds anyway.
fn descriptors(workers: usize) -> u64 {
    4 * workers as u64 + 64
}

/// Where in the row of forks it stopped, and which limits are known to stop it.
pub fn too_many(index: usize, count: usize) -> NoStart {
    NoStart(format!(
        "fork worker {} of {count} (limits: ulimit -u, ulimit -n, pids.max of the control group)",
        index + 1
    ))
}
