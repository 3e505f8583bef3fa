//! Regular files with no name: they cannot be left behind, whatever ends the process.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::Mode;
use observe::{Error, Operation, file_error};
use present::foreign_text::escape;

use crate::retry;

/// What open(2) answers to O_TMPFILE where the file system has none (overlayfs before Linux 6.3,
/// FUSE, FAT) or the kernel does not know the flag: it then tries to open the folder for writing.
const NO_TMPFILE: [Errno; 4] = [
    Errno::EOPNOTSUPP,
    Errno::EISDIR,
    Errno::ENOENT,
    Errno::EINVAL,
];

/// Names that are tried before the folder is given up. A name has 64 random bits: the second try
/// is needed only where another program makes these names on purpose.
const NAME_ATTEMPTS: u32 = 100;

/// The folder for scratch files: TMPDIR, or `default` where it is not set or empty.
pub fn folder(default: &str) -> PathBuf {
    folder_named(std::env::var_os("TMPDIR"), default)
}

fn folder_named(tmpdir: Option<OsString>, default: &str) -> PathBuf {
    let tmpdir = tmpdir.filter(|path| !path.is_empty());
    tmpdir.map_or_else(|| default.into(), PathBuf::from)
}

/// Where a scratch file may lie: TMPDIR where it is set, /tmp, and where there is no room in these,
/// or they cannot be written, the other folders that every Linux has (hier(7)).
fn folders() -> impl Iterator<Item = PathBuf> {
    let others = ["/tmp", "/var/tmp", "/dev/shm"].map(PathBuf::from);
    std::iter::once(folder("/tmp")).chain(others)
}

/// Makes a file with these bytes on the file system of TMPDIR, else of /tmp, open for reading and
/// writing at offset 0. For what must be a file of a file system, as programs have them. Where the
/// folder is missing, read-only or full, the file lies in /var/tmp or in /dev/shm.
///
/// # Errors
/// As [`file_in`] of the first folder, which the error names, where none takes the file; a TMPDIR
/// that can be written is the remedy.
pub fn file(contents: &[u8]) -> Result<File, Error> {
    file_in_one_of(folders(), contents)
}

fn file_in_one_of(folders: impl Iterator<Item = PathBuf>, contents: &[u8]) -> Result<File, Error> {
    let mut first = None;
    for folder in folders {
        match file_in(&folder).and_then(|file| fill(file, contents)) {
            Ok(file) => return Ok(file),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| Error::new("no folder for a scratch file", Errno::ENOENT)))
}

/// Makes a file with these bytes in memory (memfd_create(2)): a regular file that no folder is
/// needed for. For what needs an inode to share or to lock, and nothing of a file system. Under a
/// filter on that call, a file without a name in /dev/shm, which is in memory as well, or as
/// [`file()`] makes one.
///
/// # Errors
/// EMFILE; ENOMEM; under a filter as [`file()`].
pub fn in_memory(contents: &[u8]) -> Result<File, Error> {
    let made = retry::on_interrupt(|| memfd_create(c"scratch", MFdFlags::MFD_CLOEXEC));
    let file = match made {
        Err(Errno::EPERM | Errno::EACCES | Errno::ENOSYS) => {
            file_in(Path::new("/dev/shm")).or_else(|_| file(&[]))?
        }
        file => file
            .map_err(|errno| Error::new("memfd_create", errno))?
            .into(),
    };
    fill(file, contents)
}

/// Makes an empty file in `folder`, where possible one that never has a name (O_TMPFILE). Elsewhere
/// it has one for a moment: 64 random bits that must not exist, so that no other process, container
/// or symbolic link that was put there can take its place.
///
/// # Errors
/// ENOENT, ENOTDIR, EACCES, EROFS, ENOSPC of the folder, whose path the error names.
pub fn file_in(folder: &Path) -> Result<File, Error> {
    let mut options = File::options();
    options.read(true).write(true).mode(0o600);
    let tmpfile = options.clone().custom_flags(libc::O_TMPFILE).open(folder);
    match tmpfile {
        Ok(file) => Ok(file),
        Err(e) if NO_TMPFILE.contains(&observe::errno(&e)) && folder.is_dir() => {
            named_for_a_moment(&options, folder, || RandomState::new().hash_one(()))
        }
        Err(e) => Err(refused(format!("open a file in {}", escape(folder)), &e)),
    }
}

/// Creates a file under a name that `random` gives and that does not exist, and removes the name.
fn named_for_a_moment(
    options: &OpenOptions,
    folder: &Path,
    mut random: impl FnMut() -> u64,
) -> Result<File, Error> {
    let mut path = PathBuf::new();
    for _ in 0..NAME_ATTEMPTS {
        path = folder.join(format!(".scratch-{:016x}", random()));
        // O_EXCL: the name is new, and no symbolic link is followed.
        match options.clone().create_new(true).open(&path) {
            Ok(file) => {
                let unlinked = fs::remove_file(&path);
                return unlinked
                    .map(|()| file)
                    .map_err(|e| refused(format!("unlink {}", escape(&path)), &e));
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(refused(format!("create {}", escape(&path)), &e)),
        }
    }
    let what = format!("create {} after {NAME_ATTEMPTS} other names", escape(&path));
    Err(Error::new(what, Errno::EEXIST).with_kind(Operation::ScratchFile))
}

fn fill(file: File, contents: &[u8]) -> Result<File, Error> {
    let written = file.write_all_at(contents, 0);
    written.map_err(|e| refused("write to a scratch file", &e))?;
    Ok(file)
}

fn refused(what: impl Into<String>, error: &io::Error) -> Error {
    Error::from_io(what, error).with_kind(Operation::ScratchFile)
}

/// Opens the file behind descriptor `fd` once more, by its path `/proc/self/fd/N`: a description of
/// its own on the same inode, as a second open(2) of the file's name would give.
///
/// # Errors
/// ENOENT where /proc is not mounted, EACCES, ENXIO for a socket.
pub fn open_again(fd: &impl AsRawFd, flags: OFlag) -> Result<File, Error> {
    open_path(&path(fd.as_raw_fd()), flags)
}

/// The same for descriptor `fd` of process `pid`.
///
/// # Errors
/// As [`open_again`]; EACCES without ptrace access, ENOENT where it is closed.
pub fn open_from_process(pid: i32, fd: RawFd, flags: OFlag) -> Result<File, Error> {
    open_path(Path::new(&format!("/proc/{pid}/fd/{fd}")), flags)
}

fn open_path(path: &Path, flags: OFlag) -> Result<File, Error> {
    let fd = retry::on_interrupt(|| open(path, flags | OFlag::O_CLOEXEC, Mode::empty()));
    Ok(fd
        .map_err(|errno| file_error("open", path, &errno.into()))?
        .into())
}

/// Another descriptor for the description behind `fd`, which may be of any kind: fcntl(2)
/// `F_DUPFD_CLOEXEC`.
///
/// # Errors
/// EMFILE.
pub fn duplicate(fd: &impl AsFd) -> Result<File, Error> {
    let fd = fd.as_fd();
    let duplicate = retry::on_interrupt(|| fd.try_clone_to_owned());
    let what = || format!("duplicate fd {}", fd.as_raw_fd());
    Ok(duplicate.map_err(|e| Error::from_io(what(), &e))?.into())
}

/// The path by which descriptor `fd` of this process is opened again.
pub fn path(fd: RawFd) -> PathBuf {
    format!("/proc/self/fd/{fd}").into()
}

/// Whether `fd` is an open descriptor of this process.
///
/// # Errors
/// Those of lstat(2) but ENOENT.
pub fn is_open(fd: RawFd) -> Result<bool, Error> {
    let path = path(fd);
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(Error::from_io(format!("lstat {}", escape(path)), &e)),
    }
}

#[cfg(test)]
mod tests;
