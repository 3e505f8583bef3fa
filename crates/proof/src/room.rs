//! A room in which nothing of the host can be changed: network and mounts of its own.

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;

/// How long a trial may take in the room.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// Runs `body` in a child that, where it is root, has a network and mounts of its own: a claim that
/// takes them for its own, because a call has lied, changes nothing of the host. The child inherits
/// the orphans of what it runs. Another user cannot change the host's settings.
///
/// # Errors
/// The namespaces are refused; the error of `body`.
pub fn enter(body: impl FnOnce() -> Result<u8>) -> Result<u8> {
    let child = child::fork("proof", |parent| {
        if geteuid().is_root() {
            parent.enter_network()?;
            own_mounts()?;
        }
        child::adopt_orphans()?;
        Ok(body()?)
    })?;
    Ok(child.limit(LIMIT).join()?)
}

/// Moves this process to mounts of its own: what is mounted here is not seen outside.
fn own_mounts() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS).context("unshare CLONE_NEWNS")?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    let nothing = None::<&str>;
    mount(nothing, "/", nothing, private, nothing).context("mount --make-rprivate /")
}
