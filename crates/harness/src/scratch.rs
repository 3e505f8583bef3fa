//! A regular file with no name: it cannot be left behind, whatever ends the process.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::OFlag;

/// Makes an unnamed regular file with these bytes, open for reading and writing at offset 0.
///
/// It lies in TMPDIR where that file system has O_TMPFILE, else it is unlinked at once.
pub fn file(contents: &[u8]) -> Result<File> {
    let file = unnamed()?;
    std::os::unix::fs::FileExt::write_all_at(&file, contents, 0)
        .context("write to scratch file")?;
    Ok(file)
}

/// Opens the file behind descriptor `fd` once more, by its path `/proc/self/fd/N`: a description of
/// its own on the same inode, as a second open(2) of the file's name would give.
pub fn open_again(fd: &impl AsRawFd, flags: OFlag) -> Result<File> {
    open_path(&path(fd.as_raw_fd()), flags)
}

/// Another descriptor for the description behind `fd`, which may be of any kind: fcntl(2)
/// `F_DUPFD_CLOEXEC`.
pub fn duplicate(fd: &impl AsFd) -> Result<File> {
    let fd = fd.as_fd();
    let duplicate = fd.try_clone_to_owned();
    Ok(duplicate
        .with_context(|| format!("duplicate fd {}", fd.as_raw_fd()))?
        .into())
}

/// The path by which descriptor `fd` of this process is opened again.
pub fn path(fd: RawFd) -> PathBuf {
    format!("/proc/self/fd/{fd}").into()
}

/// Whether `fd` is an open descriptor of this process.
pub fn is_open(fd: RawFd) -> Result<bool> {
    let path = path(fd);
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("lstat {}", path.display())),
    }
}

fn open_path(path: &std::path::Path, flags: OFlag) -> Result<File> {
    let flags = flags | OFlag::O_CLOEXEC;
    let mode = nix::sys::stat::Mode::empty();
    let fd =
        nix::fcntl::open(path, flags, mode).with_context(|| format!("open {}", path.display()))?;
    Ok(fd.into())
}

fn unnamed() -> Result<File> {
    let directory = match std::env::temp_dir() {
        unset if unset.as_os_str().is_empty() => "/tmp".into(),
        directory => directory,
    };
    let mut options = File::options();
    options.read(true).write(true).mode(0o600);
    let refused = match options.custom_flags(libc::O_TMPFILE).open(&directory) {
        Ok(file) => return Ok(file),
        Err(error) => error,
    };
    let known = [
        Errno::EOPNOTSUPP,
        Errno::EISDIR,
        Errno::ENOENT,
        Errno::EINVAL,
    ];
    let unsupported = |e: &io::Error| e.raw_os_error().map(Errno::from_raw);
    if !unsupported(&refused).is_some_and(|errno| known.contains(&errno)) || !directory.is_dir() {
        return Err(refused).with_context(|| format!("open a file in {}", directory.display()));
    }
    let path = directory.join(format!("witness-{}", std::process::id()));
    let file = options.custom_flags(0).create_new(true).open(&path);
    let file = file.with_context(|| format!("create {}", path.display()))?;
    std::fs::remove_file(&path).with_context(|| format!("unlink {}", path.display()))?;
    Ok(file)
}
