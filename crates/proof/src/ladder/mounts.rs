//! What a rung hides or lays over in the file system, in a mount namespace of its own.
//!
//! Nothing here is done before [`super::namespaces::enter`] has seen that the namespace is new.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind};

use super::namespaces;

/// Lays a new /proc, with `options` of mount(8), over the present one.
///
/// # Errors
/// EPERM where the present one is not wholly visible; EINVAL for an option of a newer kernel.
pub(super) fn mount_proc(options: &str) -> Result<()> {
    cover("proc", Path::new("/proc"), MountFlags::empty(), options)
}

/// Lays an empty file over `path`: it is there and says nothing.
///
/// # Errors
/// There is no such file.
pub(super) fn hide_file(path: &str) -> Result<()> {
    namespaces::require_own_mounts()?;
    mount_bind("/dev/null", path).with_context(|| format!("mount --bind /dev/null {path}"))
}

/// Lays an empty folder over `path`, in which nothing can be made.
///
/// # Errors
/// There is no such folder.
pub(super) fn hide_folder(path: impl AsRef<Path>) -> Result<()> {
    cover("tmpfs", path.as_ref(), MountFlags::RDONLY, "mode=755")
}

/// Takes the file system at `path` away.
///
/// # Errors
/// EINVAL where nothing is mounted there.
pub(super) fn unmount(path: &str) -> Result<()> {
    namespaces::require_own_mounts()?;
    rustix::mount::unmount(path, UnmountFlags::DETACH).with_context(|| format!("umount {path}"))
}

/// Lays a file system over the folder of temporary files, and fills it to its last byte.
///
/// # Errors
/// It cannot be mounted, or would not fill up.
pub(super) fn fill_temporary_folder() -> Result<()> {
    let path = std::env::temp_dir();
    let options = "size=64k,nr_inodes=2,mode=1777";
    cover("tmpfs", &path, MountFlags::empty(), options)?;
    let mut file = fs::File::create(path.join("full"))?;
    // Its limit is 64 KiB: 1 MiB must not fit.
    for _ in 0..256 {
        if file.write_all(&[0; 4096]).is_err() {
            return Ok(());
        }
    }
    bail!("{} does not fill up", path.display())
}

fn cover(kind: &str, path: &Path, flags: MountFlags, options: &str) -> Result<()> {
    namespaces::require_own_mounts()?;
    let flags = flags | MountFlags::NOSUID | MountFlags::NODEV;
    let options = std::ffi::CString::new(options)?;
    mount(kind, path, kind, flags, options.as_c_str())
        .with_context(|| format!("mount -t {kind} -o {options:?} {}", path.display()))
}
