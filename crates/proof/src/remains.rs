//! What a program must not leave behind: processes, and files in its temporary folder.

use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::getpid;

/// How long processes that are bound to end have for it.
const END_LIMIT: Duration = Duration::from_secs(10);

/// Waits until every descendant of this process has ended, which inherits orphans. Those that have
/// not ended after ten seconds are described, and then killed.
///
/// Call it only while no child of this process is wanted.
///
/// # Errors
/// /proc cannot be read; a process that does not even die of SIGKILL.
pub fn await_descendants() -> Result<Vec<String>> {
    let deadline = Instant::now() + END_LIMIT;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return Ok(Vec::new()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("waitpid"),
            Ok(WaitStatus::StillAlive) if Instant::now() >= deadline => {
                let left = children_of(getpid().as_raw())?;
                let left = left.into_iter().map(describe).collect();
                child::end_orphans(END_LIMIT)?;
                return Ok(left);
            }
            Ok(WaitStatus::StillAlive) => await_end_of_one(deadline)?,
            Ok(_) => {}
        }
    }
}

/// Waits for the end of the first child that is listed, at most until `deadline`.
fn await_end_of_one(deadline: Instant) -> Result<()> {
    let children = children_of(getpid().as_raw())?;
    let Some(pidfd) = children
        .first()
        .and_then(|pid| observe::pidfd::open(*pid).ok())
    else {
        return Ok(());
    };
    let remaining = deadline.saturating_duration_since(Instant::now());
    let timeout = PollTimeout::try_from(remaining).unwrap_or(PollTimeout::MAX);
    match poll(
        &mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)],
        timeout,
    ) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno).context("poll"),
    }
}

/// The children of process `pid`: those of all its threads (`/proc/PID/task/TID/children`).
///
/// # Errors
/// /proc cannot be read, for another reason than that the process has ended.
pub fn children_of(pid: i32) -> Result<Vec<i32>> {
    let mut children = Vec::new();
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Ok(children);
    };
    for thread in threads {
        let Ok(thread) = thread else { continue };
        // A thread that has ended in the meantime has no children any more.
        let listed = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        children.extend(
            listed
                .split_ascii_whitespace()
                .filter_map(|pid| pid.parse::<i32>().ok()),
        );
    }
    Ok(children)
}

/// All descendants of process `pid`, parents before their children.
///
/// # Errors
/// As [`children_of`].
pub fn descendants_of(pid: i32) -> Result<Vec<i32>> {
    let mut found = children_of(pid)?;
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        let children = children_of(parent)?;
        // A number that was given away again while this looked could lead in a circle.
        found.extend(children.into_iter().filter(|child| *child > 0));
        next += 1;
        if next > 10_000 {
            break;
        }
    }
    Ok(found)
}

fn describe(pid: i32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    format!("process {pid} ({})", name.trim_end())
}

/// A temporary folder for one program, which must be empty when that has ended.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes an empty folder for everybody, as /tmp is, below the folder of temporary files.
    ///
    /// # Errors
    /// That folder cannot be written.
    pub fn new(name: &str) -> Result<Folder> {
        Folder::below(&std::env::temp_dir(), name)
    }

    /// The same, below a folder that is named.
    ///
    /// # Errors
    /// That folder cannot be written.
    pub fn below(parent: &Path, name: &str) -> Result<Folder> {
        use std::os::unix::fs::PermissionsExt;
        let name = format!("proof-{name}-{}", std::process::id());
        let path = parent.join(name);
        let what = || format!("make {}", path.display());
        fs::create_dir(&path).with_context(what)?;
        let folder = Folder { path };
        fs::set_permissions(&folder.path, fs::Permissions::from_mode(0o1777))?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Describes what lies in it, and removes that.
    ///
    /// # Errors
    /// It cannot be read or emptied.
    pub fn empty(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path).context("read the temporary folder")? {
            let entry = entry?;
            found.push(format!("file {}", entry.file_name().to_string_lossy()));
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
        Ok(found)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_the_folder_is_told_once() {
        let folder = Folder::below(&crate::temporary::folder(), "test").unwrap();
        assert!(folder.empty().unwrap().is_empty());
        fs::write(folder.path().join("left"), "x").unwrap();
        fs::create_dir(folder.path().join("kept")).unwrap();
        let mut found = folder.empty().unwrap();
        found.sort();
        assert_eq!(found, ["file kept", "file left"]);
        assert!(folder.empty().unwrap().is_empty());
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }
}
