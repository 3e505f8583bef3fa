//! A room in which nothing of the host can be changed: network and mounts of its own.

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long a trial may take in the room.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// Runs `body` in a child that has a network and mounts of its own: what takes the host's for its
/// own, because a call has lied, changes nothing of the host. The child inherits the orphans of
/// what it runs.
///
/// # Errors
/// The namespaces are refused; the error of `body`.
pub fn enter<T>(body: impl FnOnce() -> Result<T>) -> Result<T>
where
    T: Serialize + DeserializeOwned,
{
    let child = child::fork("proof", |parent| {
        parent.enter_network()?;
        own_mounts()?;
        child::adopt_orphans()?;
        Ok(body()?)
    })?;
    Ok(child.limit(LIMIT).join()?)
}

/// The same where this process is root. Another user cannot change the host's settings, and would
/// have more rights in the room than outside.
///
/// # Errors
/// Those of [`enter`].
pub fn enter_if_root<T>(body: impl FnOnce() -> Result<T>) -> Result<T>
where
    T: Serialize + DeserializeOwned,
{
    if geteuid().is_root() {
        return enter(body);
    }
    child::adopt_orphans()?;
    body()
}

/// Moves this process to mounts of its own: what is mounted here is not seen outside.
fn own_mounts() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS).context("unshare CLONE_NEWNS")?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    let nothing = None::<&str>;
    mount(nothing, "/", nothing, private, nothing).context("mount --make-rprivate /")
}
