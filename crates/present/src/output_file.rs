//! A file that is written at the end of a run: checked before, then written whole or not at all.
//!
//! | At the path is | How it is written |
//! |---|---|
//! | nothing, or a regular file of ours | beside it, and renamed over it |
//! | a regular file of another user, or in a folder that takes no new file | in place |
//! | a device, a pipe, a terminal, an open file of /proc (`/dev/stdout`) | in place |
//! | a symbolic link of ours or of root's | as what it leads to; the link stays |
//! | any other symbolic link, on the way to it too | not at all |
//!
//! Where a new file is renamed over the old one, a write that fails leaves the old content. Until
//! it is complete, the new file has no name (`O_TMPFILE` in open(2)), so that nothing is left of a
//! run that is killed; where a file system knows no such files, it is called `.PID-N.partial`.
//!
//! In a folder that all may write to and that is sticky, such as /tmp, nothing is written that
//! another user placed there, except by the folder's owner. Kernels do the same where
//! fs.protected_regular and fs.protected_fifos are set (proc_sys_fs(5), or proc(5) before man-pages
//! 6.7).

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Error as IoError, ErrorKind, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::libc::{O_NOFOLLOW, O_TMPFILE, S_ISVTX, S_IWOTH};
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
use nix::unistd::{geteuid, linkat};

use crate::Error;

/// Symbolic links that the kernel follows in one path (path_resolution(7)).
const MAX_LINKS: usize = 40;
/// Names tried for the file beside, should there be files of that name.
const MAX_NAMES: u32 = 100;

/// Where the outcome of a long run will be written. What is already there stays until then.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// Written beside `target` and renamed over it, with the permissions that it has now.
    Replace {
        target: PathBuf,
        permissions: Option<Permissions>,
    },
    /// Opened where it is. `flags` are those of open(2).
    InPlace { target: PathBuf, flags: i32 },
}

impl OutputFile {
    /// Finds out now whether the file can be written, because a misspelt path is not to cost a
    /// whole run. Neither leaves nor changes a file.
    ///
    /// # Errors
    /// A directory, something that another user placed in a sticky folder, or that of open(2).
    pub fn at(path: &Path) -> Result<OutputFile, Error> {
        match choose_way(path) {
            Ok(way) => Ok(OutputFile {
                path: path.to_owned(),
                way,
            }),
            Err(error) => Err(Error::at("open", path, error)),
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// Those of open(2), write(2), fsync(2) and rename(2).
    pub fn write(&self, text: &str) -> Result<(), Error> {
        self.write_with(|file| {
            let written = file.write_all(text.as_bytes());
            written.map_err(|error| self.error("write", error))
        })
    }

    /// Writes what `write` writes into the empty file that it is given. If that fails, what was
    /// there before stays, unless it is written in place.
    ///
    /// # Errors
    /// That of `write`; those of open(2), fsync(2) and rename(2).
    pub fn write_with<T, E: From<Error>>(
        &self,
        write: impl FnOnce(&mut File) -> Result<T, E>,
    ) -> Result<T, E> {
        match &self.way {
            Way::InPlace { target, flags } => {
                let mut options = OpenOptions::new();
                options.write(true).truncate(true).custom_flags(*flags);
                let file = options.open(target);
                write(&mut file.map_err(|error| self.error("open", error))?)
            }
            Way::Replace {
                target,
                permissions,
            } => {
                let beside = Beside::create(target, permissions.as_ref());
                let mut beside = beside.map_err(|error| self.error("open", error))?;
                let outcome = write(&mut beside.file)?;
                let synced = beside.file.sync_all();
                synced.map_err(|error| self.error("write", error))?;
                let renamed = beside.rename(target, permissions.clone());
                renamed.map_err(|error| self.error("rename to", error))?;
                Ok(outcome)
            }
        }
    }

    fn error(&self, operation: &'static str, error: IoError) -> Error {
        Error::at(operation, &self.path, error)
    }
}

fn choose_way(path: &Path) -> io::Result<Way> {
    let End { target, open_file } = follow_links(path)?;
    let flags = if open_file { 0 } else { O_NOFOLLOW };
    let metadata = match fs::metadata(&target) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound && !open_file => {
            // Only making the file tells whether it can be made.
            drop(File::create_new(&target)?);
            fs::remove_file(&target)?;
            let permissions = None;
            return Ok(Way::Replace {
                target,
                permissions,
            });
        }
        Err(error) => return Err(error),
    };
    if metadata.is_dir() {
        return Err(IoError::new(ErrorKind::IsADirectory, "it is a directory"));
    }
    if !metadata.is_file() {
        return Ok(Way::InPlace { target, flags });
    }
    let mut writing = OpenOptions::new();
    drop(writing.write(true).custom_flags(flags).open(&target)?);
    let ours = metadata.uid() == geteuid().as_raw();
    let permissions = Some(metadata.permissions());
    if open_file || !ours || Beside::create(&target, permissions.as_ref()).is_err() {
        return Ok(Way::InPlace { target, flags });
    }
    Ok(Way::Replace {
        target,
        permissions,
    })
}

/// What the links of a path lead to.
struct End {
    target: PathBuf,
    /// It is a link of /proc to an open file, whose name may be another file's by now.
    open_file: bool,
}

/// Goes where open(2) would go, and refuses links that may have been planted.
fn follow_links(path: &Path) -> io::Result<End> {
    let mut target = path.to_owned();
    for _ in 0..=MAX_LINKS {
        let open_file = false;
        for folder in target.ancestors().skip(1) {
            fs::symlink_metadata(folder).map_or(Ok(()), |it| refuse_foreign_link(&it))?;
        }
        let Ok(metadata) = fs::symlink_metadata(&target) else {
            return Ok(End { target, open_file });
        };
        let folder = folder(&target);
        refuse_foreign_link(&metadata)?;
        if !metadata.is_symlink() {
            refuse_planted(&fs::metadata(folder)?, &metadata)?;
            return Ok(End { target, open_file });
        }
        if statfs(folder)?.filesystem_type() == PROC_SUPER_MAGIC {
            let open_file = true;
            return Ok(End { target, open_file });
        }
        let next = fs::read_link(&target)?;
        target.pop();
        target.push(next);
    }
    Err(Errno::ELOOP.into())
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// Another user's link may lead anywhere, and elsewhere by the time that it is followed.
fn refuse_foreign_link(object: &Metadata) -> io::Result<()> {
    let trusted = [geteuid().as_raw(), 0];
    if object.is_symlink() && !trusted.contains(&object.uid()) {
        return Err(IoError::new(
            ErrorKind::PermissionDenied,
            "it is, or is reached by, a symbolic link that another user made",
        ));
    }
    Ok(())
}

fn refuse_planted(folder: &Metadata, object: &Metadata) -> io::Result<()> {
    let own = geteuid().as_raw();
    if may_be_planted(folder.mode(), folder.uid(), object.uid(), own) {
        return Err(IoError::new(
            ErrorKind::PermissionDenied,
            "another user placed it in a sticky folder that all may write to",
        ));
    }
    Ok(())
}

/// The rule of `may_create_in_sticky` in fs/namei.c of the kernel, for users as numbers.
fn may_be_planted(folder_mode: u32, folder_owner: u32, owner: u32, own: u32) -> bool {
    let shared = folder_mode & S_ISVTX != 0 && folder_mode & S_IWOTH != 0;
    shared && owner != own && owner != folder_owner
}

/// A new file in the folder of the file that it will replace. Dropped before that, it is removed.
struct Beside {
    file: File,
    /// Its name; none where it has none yet.
    path: Option<PathBuf>,
}

impl Beside {
    /// Makes the file; where `permissions` will be set later, only the owner may read it until
    /// then.
    fn create(target: &Path, permissions: Option<&Permissions>) -> io::Result<Beside> {
        let mode = if permissions.is_some() { 0o600 } else { 0o666 };
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(mode);
        let unnamed = options.clone().custom_flags(O_TMPFILE).open(folder(target));
        if let Ok(file) = unnamed {
            return Ok(Beside { file, path: None });
        }
        let (file, path) = with_free_name(target, |path| options.create_new(true).open(path))?;
        let path = Some(path);
        Ok(Beside { file, path })
    }

    /// Gives the file a name, if it has none: as a copy where the kernel has no /proc to find it
    /// by, or refuses.
    fn name(&mut self, target: &Path) -> io::Result<PathBuf> {
        if let Some(path) = &self.path {
            return Ok(path.clone());
        }
        let open = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let follow = AtFlags::AT_SYMLINK_FOLLOW;
        let link = |path: &Path| Ok(linkat(AT_FDCWD, open.as_str(), AT_FDCWD, path, follow)?);
        let path = match with_free_name(target, link) {
            Ok(((), path)) => path,
            Err(_) => {
                let mut options = OpenOptions::new();
                options.write(true).create_new(true);
                options.mode(self.file.metadata()?.permissions().mode());
                let (mut copy, path) = with_free_name(target, |path| options.open(path))?;
                self.path = Some(path.clone());
                self.file.rewind()?;
                io::copy(&mut self.file, &mut copy)?;
                path
            }
        };
        self.path = Some(path.clone());
        Ok(path)
    }

    fn rename(mut self, target: &Path, permissions: Option<Permissions>) -> io::Result<()> {
        if let Some(permissions) = permissions {
            self.file.set_permissions(permissions)?;
        }
        let path = self.name(target)?;
        match fs::rename(&path, target) {
            // A file that is mounted by itself, as containers have it: nothing can take its place.
            Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                fs::copy(&path, target).map(drop)
            }
            renamed => renamed,
        }
    }
}

/// Makes a file beside `target` under a name that no other has.
fn with_free_name<T>(
    target: &Path,
    mut make: impl FnMut(&Path) -> io::Result<T>,
) -> io::Result<(T, PathBuf)> {
    let mut last = Errno::EEXIST.into();
    for attempt in 0..MAX_NAMES {
        let name = format!(".{}-{attempt}.partial", std::process::id());
        let path = folder(target).join(name);
        match make(&path) {
            Ok(made) => return Ok((made, path)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

impl Drop for Beside {
    fn drop(&mut self) {
        // After a rename there is nothing of that name.
        let _ = self.path.as_ref().map(fs::remove_file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_and_the_folder_owners_are_safe_in_a_shared_sticky_folder() {
        const OWN: u32 = 1000;
        let cases = [
            (0o1777, 0, 1001, true),
            (0o1777, 0, OWN, false),
            (0o1777, 0, 0, false),
            (0o1777, 1001, 1001, false),
            (0o0777, 0, 1001, false),
            (0o1775, 0, 1001, false),
        ];
        for (mode, folder_owner, owner, planted) in cases {
            let found = may_be_planted(mode, folder_owner, owner, OWN);
            assert_eq!(found, planted, "{mode:o} {folder_owner} {owner}");
        }
    }
}
