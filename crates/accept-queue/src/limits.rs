//! How many workers this process may have, asked before the first is forked.

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Makes sure, before anything is forked, that this process may hold what `workers` need: a link, a
/// pidfd, a wait channel and perhaps a listening socket each.
///
/// # Errors
/// EMFILE, with the limit that stands in the way.
pub fn room_for(workers: usize) -> Result<()> {
    room_for_descriptors(4 * workers as u64 + 64)
        .with_context(|| format!("{workers} workers are too many"))
}

/// Makes sure that this process may hold `needed` descriptors. Raises its own soft limit if it must.
///
/// # Errors
/// EMFILE, with the limit that stands in the way.
pub(crate) fn room_for_descriptors(needed: u64) -> Result<()> {
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

/// Where in the row of forks it stopped, and which limits are known to stop it.
pub(crate) fn too_many(index: usize, count: usize) -> String {
    format!(
        "fork worker {} of {count} (limits: ulimit -u, ulimit -n, pids.max of the control group)",
        index + 1
    )
}
