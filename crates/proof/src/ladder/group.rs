//! Control groups: a rung's own group below that of this process, and its settings.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A setting of a control group (cgroups(7)).
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// The name of the group's folder.
    pub name: &'static str,
    /// The controller.
    pub controller: &'static str,
    /// Files and values under version 1.
    pub version_1: &'static [(&'static str, &'static str)],
    /// The file and its value under version 2.
    pub version_2: (&'static str, &'static str),
}

/// A group that was made; dropped, it is removed, which succeeds once its processes have ended.
#[derive(Debug)]
pub(super) struct Made {
    path: PathBuf,
}

impl Group {
    /// Makes the group, or takes over one of this name that was left by a run that was killed.
    ///
    /// # Errors
    /// No hierarchy here has the controller and can be written.
    pub(super) fn make(&self) -> Result<Made> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").context("read mountinfo")?;
        let mut why = format!("no hierarchy has the controller {}", self.controller);
        for hierarchy in hierarchies(&mounts, self.controller) {
            let made = Made {
                path: hierarchy.path.join(self.name),
            };
            let settings = match hierarchy.version {
                1 => self.version_1,
                _ => &[self.version_2],
            };
            match made.set_up(settings) {
                Ok(()) => return Ok(made),
                Err(error) => why = format!("{error:#}"),
            }
        }
        bail!(why)
    }
}

impl Made {
    fn set_up(&self, settings: &[(&str, &str)]) -> Result<()> {
        if !self.path.is_dir() {
            fs::create_dir(&self.path).with_context(|| format!("mkdir {}", self.path.display()))?;
        }
        for (file, value) in settings {
            let path = self.path.join(file);
            // cgroup files are there from the start: none is to be created.
            let written = path.is_file().then(|| fs::write(&path, value));
            written
                .with_context(|| format!("there is no {}", path.display()))?
                .with_context(|| format!("write {value} to {}", path.display()))?;
        }
        Ok(())
    }

    /// The folder of the group.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Moves this process into the group in folder `path`.
///
/// # Errors
/// EAGAIN, EBUSY, EACCES.
pub(super) fn join(path: &Path) -> Result<()> {
    let file = path.join("cgroup.procs");
    fs::write(&file, "0").with_context(|| format!("write to {}", file.display()))
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}

/// A place where groups can be made.
#[derive(Debug, PartialEq, Eq)]
struct Hierarchy {
    version: u8,
    path: PathBuf,
}

/// The mounts of control groups in `mountinfo` (proc_pid_mountinfo(5)) that may have `controller`:
/// those of version 1 with it, then those of version 2.
fn hierarchies(mountinfo: &str, controller: &str) -> Vec<Hierarchy> {
    let mut found = Vec::new();
    for line in mountinfo.lines() {
        let Some((front, back)) = line.split_once(" - ") else {
            continue;
        };
        let mut back = back.split(' ');
        let (kind, options) = (back.next(), back.nth(1).unwrap_or_default());
        let version = match kind {
            Some("cgroup") if options.split(',').any(|option| option == controller) => 1,
            Some("cgroup2") => 2,
            _ => continue,
        };
        if let Some(path) = front.split(' ').nth(4) {
            let path = path.into();
            found.push(Hierarchy { version, path });
        }
    }
    found.sort_by_key(|hierarchy| hierarchy.version);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_by_controller() {
        let mounts = "40 31 0:34 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
             35 31 0:29 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n\
             36 31 0:30 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
             22 27 0:21 / /proc rw - proc proc rw\n\
             cut short";
        let hierarchy = |version, path: &str| Hierarchy {
            version,
            path: path.into(),
        };
        assert_eq!(
            hierarchies(mounts, "cpu"),
            [
                hierarchy(1, "/sys/fs/cgroup/cpu"),
                hierarchy(2, "/sys/fs/cgroup/unified")
            ]
        );
        assert_eq!(
            hierarchies(mounts, "pids"),
            [hierarchy(2, "/sys/fs/cgroup/unified")]
        );
    }
}
